/** The waits between tries to reach what runs an attempt: an engine, or this machine when it lacks something. */
import type { Backoff } from "../domain/backoff.ts";

export const RETRY_BACKOFF: Backoff = { baseMs: 100, factor: 2, capMs: 5_000 };
