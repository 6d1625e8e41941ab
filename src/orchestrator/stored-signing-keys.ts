/**
 * The signing keys, kept among the secrets of the store. Another process may rotate them (`boxkite keys rotate`): a
 * server reads them again every few seconds. What is encrypted at rest does not depend on them.
 *
 * A key that was replaced verifies for the time that was stated. After that it verifies what attempts were given that
 * began before, until they end, and nothing else: an attempt that runs has no way to get another token.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";
import { nameOfAttempt } from "./attempt-name.ts";
import { createSigningKeys, type SigningKey, type SigningKeys, type VerifyingKey } from "./signing-keys.ts";

/** The current key first, then those that still verify, the newest first. */
export type KeyRing = readonly [VerifyingKey, ...VerifyingKey[]];
type StoredRing = readonly [SigningKey, ...SigningKey[]];

type Keys = Pick<Store, "findSecret" | "changeSecret" | "liveAttemptsBefore">;
type Now = Pick<Clock, "now">;

const SECRET = "signing-keys";
const READ_EVERY_MS = 2_000;
/** In which a server that runs may still sign with the key before. */
const NOTICED_WITHIN_MS = 5_000;

/** Undefined where no server has made any yet. */
export async function findSigningKeys(store: Keys): Promise<KeyRing | undefined> {
  const text = await store.findSecret(SECRET);
  return text === undefined ? undefined : withAttempts(store, parse(text));
}

/**
 * Makes a new current key; the one before it verifies for so long, and until they end for attempts that began before.
 * Without any time that key was stolen, and with it all that lay beside it: no other key stays.
 */
export async function rotateSigningKeys(store: Keys, clock: Now, validForMs: number): Promise<KeyRing> {
  const ring = await change(store, (known) => {
    const now = clock.now();
    const [current, ...previous] = known ?? [];
    if (current === undefined || validForMs === 0) return [newKey(now)];
    return [newKey(now), { ...current, validUntil: now + validForMs, replacedAt: now }, ...previous];
  });
  return withAttempts(store, ring);
}

export interface OpenSigningKeys {
  readonly keys: SigningKeys;
  /** Stops reading them again. */
  close(): Promise<void>;
}

/** Makes the first key where there is none. */
export async function openSigningKeys(options: {
  readonly store: Keys;
  readonly clock: Clock;
  readonly log: Logger;
}): Promise<OpenSigningKeys> {
  const { store, clock, log } = options;
  /** Writes only where there is something to change. */
  const read = async (): Promise<KeyRing> => {
    const known = await findSigningKeys(store);
    if (known === undefined) return change(store, (ring) => ring ?? [newKey(clock.now())]);
    const useless = known.filter((key) => isUseless(key, clock.now())).map(({ id }) => id);
    if (useless.length === 0) return known;
    const left = await change(store, (ring) => {
      const [current = newKey(clock.now()), ...previous] = ring ?? [];
      return [current, ...previous.filter(({ id }) => !useless.includes(id))];
    });
    return withAttempts(store, left);
  };
  let ring = await read();
  const closing = new AbortController();
  const keepReading = async () => {
    const { signal } = closing;
    for (;;) {
      await clock.sleep(READ_EVERY_MS, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      // Without the store nothing is accepted anyway; the keys that are known stay until it is there again.
      await read().then(
        (now) => {
          if (now[0].id !== ring[0].id) log.info("the signing keys were rotated", { key: now[0].id });
          ring = now;
        },
        (error: unknown) => log.debug("the signing keys could not be read again", { error }),
      );
    }
  };
  const reading = keepReading();
  return {
    keys: createSigningKeys(() => ring, clock),
    close: () => {
      closing.abort();
      return reading;
    },
  };
}

async function withAttempts(store: Keys, [current, ...previous]: StoredRing): Promise<KeyRing> {
  const verifying = previous.map(async (key): Promise<VerifyingKey> => {
    if (key.replacedAt === undefined) return key;
    const attempts = await store.liveAttemptsBefore(key.replacedAt + NOTICED_WITHIN_MS);
    return { ...key, attempts: new Set(attempts.map(nameOfAttempt)) };
  });
  return [current, ...(await Promise.all(verifying))];
}

function isUseless({ validUntil = Infinity, attempts }: VerifyingKey, now: number): boolean {
  return now >= validUntil && (attempts?.size ?? 0) === 0;
}

async function change(store: Keys, next: (known: StoredRing | undefined) => StoredRing): Promise<StoredRing> {
  return parse(
    await store.changeSecret(SECRET, (text) =>
      JSON.stringify(next(text === undefined ? undefined : parse(text))),
    ),
  );
}

function parse(text: string): StoredRing {
  return JSON.parse(text) as StoredRing;
}

function newKey(now: number): SigningKey {
  return { id: randomBytes(4).toString("hex"), secret: randomBytes(32).toString("hex"), createdAt: now };
}
