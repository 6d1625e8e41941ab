/** A store whose runtimes are kept for the next run of the tests: one is 32 MB to fetch. */
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock.ts";
import { createFetchWheel } from "../../src/python-runtime/fetch-wheel.ts";
import { RuntimeStore } from "../../src/python-runtime/runtime-store.ts";
import type { Variant } from "../../src/domain/python-variant.ts";

export const STORE_DIRECTORY = join(import.meta.dirname, "../../.cache/python-runtimes");

/** Of this machine. */
export const ARCH: Variant["arch"] = process.arch === "arm64" ? "arm64" : "amd64";

export function testStore(): RuntimeStore {
  const fetchWheel = createFetchWheel(process.env, systemClock);
  return new RuntimeStore({ directory: STORE_DIRECTORY, fetchWheel, clock: systemClock });
}
