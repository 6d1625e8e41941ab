/**
 * What the object endpoint sees of attempts that run: which have asked for their inputs, so that their runtime began,
 * and which had an upload refused because the server could not store it. Kept in memory: after a restart of the server
 * it is not known what an attempt asked for before.
 */
import type { AttemptKey } from "../domain/attempt.ts";
import type { StorageCode } from "../domain/errors.ts";
import type { RunKey } from "../domain/ids.ts";
import { parseObjectUri } from "../objects/uri.ts";

export interface TrafficOf {
  readonly key: AttemptKey;
  readonly inputUri: string;
  /** URI prefixes of what the attempt writes. */
  readonly prefixes: readonly string[];
  /** An earlier server may have started it. */
  readonly isTakenUp: boolean;
}

/** Of one attempt. */
export interface Traffic {
  readonly hasBegun: boolean | undefined;
  readonly uploadRefused: StorageCode | undefined;
  close(): void;
}

/** `key`s are those of the one bucket. */
export interface ObjectTraffic {
  follow(attempt: TrafficOf): Traffic;
  /** Credentials of the run were used to read the object. */
  read(run: RunKey, key: string): void;
  /** An object was written completely. */
  written(key: string): void;
  /** A write was refused because the server could not store it. */
  refused(key: string, why: StorageCode): void;
}

interface Entry {
  readonly key: AttemptKey;
  readonly inputKey: string | undefined;
  readonly prefixes: readonly string[];
  readonly refused: Map<string, StorageCode>;
  hasBegun: boolean | undefined;
}

export function createObjectTraffic(): ObjectTraffic {
  const live = new Map<string, Set<Entry>>();
  /** By key, whose uploads were refused: usually empty, so that a write costs nothing, however many attempts run. */
  const refusedBy = new Map<string, Set<Entry>>();
  const forget = (key: string, entry: Entry) => {
    entry.refused.delete(key);
    const others = refusedBy.get(key);
    others?.delete(entry);
    if (others?.size === 0) refusedBy.delete(key);
  };
  return {
    follow: ({ key, inputUri, prefixes, isTakenUp }) => {
      const entry: Entry = {
        key,
        inputKey: keyOf(inputUri),
        prefixes: prefixes.map((prefix) => `${keyOf(prefix)}/`),
        refused: new Map(),
        hasBegun: isTakenUp ? undefined : false,
      };
      const run = runText(key);
      const entries = live.get(run) ?? new Set();
      live.set(run, entries.add(entry));
      return {
        get hasBegun() {
          return entry.hasBegun;
        },
        get uploadRefused() {
          return entry.refused.values().next().value;
        },
        close: () => {
          for (const refused of entry.refused.keys()) forget(refused, entry);
          entries.delete(entry);
          if (entries.size === 0 && live.get(run) === entries) live.delete(run);
        },
      };
    },
    read: (run, key) => {
      const entries = [...(live.get(runText(run)) ?? [])];
      const own = entries.filter(({ inputKey, prefixes }) => inputKey === key || isBelow(key, prefixes));
      // The run's credentials do not say which attempt it was: what is nobody's own tells only of the only one.
      const readers = own.length > 0 ? own : entries.length === 1 ? entries : [];
      for (const entry of readers) entry.hasBegun = true;
    },
    written: (key) => {
      for (const entry of refusedBy.get(key) ?? []) forget(key, entry);
    },
    refused: (key, why) => {
      for (const entry of [...live.values()].flatMap((entries) => [...entries])) {
        if (!isBelow(key, entry.prefixes)) continue;
        entry.refused.set(key, why);
        refusedBy.set(key, (refusedBy.get(key) ?? new Set()).add(entry));
      }
    },
  };
}

function isBelow(key: string, prefixes: readonly string[]): boolean {
  return prefixes.some((prefix) => key.startsWith(prefix));
}

function keyOf(uri: string): string | undefined {
  return parseObjectUri(uri)?.key;
}

function runText({ project, domain, run }: RunKey): string {
  return JSON.stringify([project, domain, run]);
}
