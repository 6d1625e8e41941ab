/** What the test and the process with its servers say to each other. */
import type { Credentials } from "../../src/orchestrator/access-keys.ts";
import type { KnownAttempt, ServerName } from "./world.ts";

export type Ask = { readonly ask: "measure" } | { readonly ask: "close" };

export interface Measured {
  /** Bytes, after garbage was collected. */
  readonly rss: number;
  readonly heap: number;
  /** Outside of the heap, of buffers and of other things of the engine. */
  readonly external: number;
  /** File descriptors. */
  readonly open: number;
}

export interface StartedServer {
  readonly port: number;
  readonly keys: readonly Credentials[];
  readonly tokens: readonly string[];
}

export type Said =
  | { readonly said: "ready"; readonly servers: Readonly<Record<ServerName, StartedServer>> }
  | { readonly said: "attempt"; readonly server: ServerName; readonly attempt: KnownAttempt }
  | { readonly said: "log"; readonly server: ServerName; readonly line: string }
  | { readonly said: "measured"; readonly measured: Measured }
  /** It was asked to close some time ago. */
  | { readonly said: "goesOn"; readonly step: string; readonly open: string };
