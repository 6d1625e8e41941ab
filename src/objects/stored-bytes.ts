/**
 * How many bytes of objects each project has, by the first segment of their keys. They are counted in the background, at
 * the start and every ten minutes; what is written is added at once, and what is replaced or removed counts until the next
 * time. Until the first count has ended only what was written since the start is known.
 */
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { ObjectStore } from "./object-store.ts";

export interface StoredBytes {
  of(project: string): number;
  /** Called for each object that was written. */
  written(key: string, bytes: number): void;
  /** Resolves when the current count has ended. */
  stop(): Promise<void>;
}

export interface StoredBytesOptions {
  readonly store: Pick<ObjectStore, "list">;
  readonly clock: Clock;
  readonly log: Logger;
}

export const COUNT_EVERY_MS = 10 * 60 * 1_000;
const LISTED_AT_ONCE = 1_000;

export function countStoredBytes({ store, clock, log }: StoredBytesOptions): StoredBytes {
  const stopping = new AbortController();
  let counted: ReadonlyMap<string, number> = new Map();
  /** Written since the last count began, and since the one under way did. */
  let since = new Map<string, number>();
  let sinceBegin = since;

  const count = async (): Promise<void> => {
    const found = new Map<string, number>();
    sinceBegin = new Map();
    for (let startAfter: string | undefined; ;) {
      const listed = await store.list({
        prefix: "",
        limit: LISTED_AT_ONCE,
        ...(startAfter !== undefined && { startAfter }),
      });
      if (stopping.signal.aborted) return;
      for (const { key, size } of listed) add(found, key, size);
      startAfter = listed.at(-1)?.key;
      if (startAfter === undefined || listed.length < LISTED_AT_ONCE) break;
    }
    counted = found;
    since = sinceBegin;
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await count().catch((error: unknown) => {
        log.error("the stored bytes could not be counted, and will be tried again", { error });
      });
      await clock.sleep(COUNT_EVERY_MS, { signal: stopping.signal, ref: false }).catch(() => {});
    }
  };

  const running = run();
  return {
    of: (project) => (counted.get(project) ?? 0) + (since.get(project) ?? 0),
    written: (key, bytes) => {
      add(since, key, bytes);
      if (sinceBegin !== since) add(sinceBegin, key, bytes);
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

function add(to: Map<string, number>, key: string, bytes: number): void {
  const [project = ""] = key.split("/", 1);
  to.set(project, (to.get(project) ?? 0) + bytes);
}
