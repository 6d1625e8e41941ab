/**
 * What the object endpoint sees of attempts that run: which have read an object, so that their runtime began, and which
 * had an upload refused because the server could not store it. Kept in memory: after a restart of the server it is not
 * known what an attempt asked for before.
 */
import type { AttemptKey } from "../domain/attempt.ts";
import type { StorageCode } from "../domain/errors.ts";
import { parseObjectUri } from "../objects/uri.ts";
import { nameOfAttempt } from "./attempt-name.ts";

export interface TrafficOf {
  readonly key: AttemptKey;
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
  /** The attempt has read an object. */
  read(attempt: AttemptKey): void;
  /** An object was written completely. */
  written(key: string): void;
  /** A write was refused because the server could not store it. */
  refused(key: string, why: StorageCode): void;
}

interface Entry {
  readonly prefixes: readonly string[];
  readonly refused: Map<string, StorageCode>;
  hasBegun: boolean | undefined;
}

export function createObjectTraffic(): ObjectTraffic {
  /** By the name of the attempt. */
  const live = new Map<string, Entry>();
  /** By key, whose uploads were refused: usually empty, so that a write costs nothing, however many attempts run. */
  const refusedBy = new Map<string, Set<Entry>>();
  const forget = (key: string, entry: Entry) => {
    entry.refused.delete(key);
    const others = refusedBy.get(key);
    others?.delete(entry);
    if (others?.size === 0) refusedBy.delete(key);
  };
  return {
    follow: ({ key, prefixes, isTakenUp }) => {
      const entry: Entry = {
        prefixes: prefixes.map((prefix) => `${keyOf(prefix)}/`),
        refused: new Map(),
        hasBegun: isTakenUp ? undefined : false,
      };
      const name = nameOfAttempt(key);
      live.set(name, entry);
      return {
        get hasBegun() {
          return entry.hasBegun;
        },
        get uploadRefused() {
          return entry.refused.values().next().value;
        },
        close: () => {
          for (const refused of entry.refused.keys()) forget(refused, entry);
          if (live.get(name) === entry) live.delete(name);
        },
      };
    },
    read: (attempt) => {
      const entry = live.get(nameOfAttempt(attempt));
      if (entry !== undefined) entry.hasBegun = true;
    },
    written: (key) => {
      for (const entry of refusedBy.get(key) ?? []) forget(key, entry);
    },
    refused: (key, why) => {
      for (const entry of live.values()) {
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
