/**
 * The signing keys, kept among the secrets of the store. Another process may rotate them (`boxkite keys rotate`): a
 * server reads them again every few seconds. What is encrypted at rest does not depend on them.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";
import { createSigningKeys, type SigningKey, type SigningKeys } from "./signing-keys.ts";

/** The current key first, then those that are still valid, the newest first. */
export type KeyRing = readonly [SigningKey, ...SigningKey[]];

type Secrets = Pick<Store, "findSecret" | "changeSecret">;
type Now = Pick<Clock, "now">;

const SECRET = "signing-keys";
const READ_EVERY_MS = 2_000;

/** Undefined where no server has made any yet. */
export async function findSigningKeys(store: Secrets): Promise<KeyRing | undefined> {
  const text = await store.findSecret(SECRET);
  return text === undefined ? undefined : parse(text);
}

/** Makes a new current key; the one before it verifies for so long. Keys that are no longer valid are removed. */
export function rotateSigningKeys(store: Secrets, clock: Now, validForMs: number): Promise<KeyRing> {
  return change(store, (known) => {
    const now = clock.now();
    const [current, ...previous] = known ?? [];
    const replaced = current ? [{ ...current, validUntil: now + validForMs }] : [];
    return [newKey(now), ...valid([...replaced, ...previous], now)];
  });
}

export interface OpenSigningKeys {
  readonly keys: SigningKeys;
  /** Stops reading them again. */
  close(): Promise<void>;
}

/** Makes the first key where there is none. */
export async function openSigningKeys(options: {
  readonly store: Secrets;
  readonly clock: Clock;
  readonly log: Logger;
}): Promise<OpenSigningKeys> {
  const { store, clock, log } = options;
  /** Writes only where there is something to change. */
  const read = async (): Promise<KeyRing> => {
    const known = await findSigningKeys(store);
    if (known !== undefined && valid(known, clock.now()).length === known.length) return known;
    return change(store, (ring) => {
      const [current = newKey(clock.now()), ...previous] = ring ?? [];
      return [current, ...valid(previous, clock.now())];
    });
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

async function change(store: Secrets, next: (known: KeyRing | undefined) => KeyRing): Promise<KeyRing> {
  return parse(
    await store.changeSecret(SECRET, (text) =>
      JSON.stringify(next(text === undefined ? undefined : parse(text))),
    ),
  );
}

function parse(text: string): KeyRing {
  return JSON.parse(text) as KeyRing;
}

function newKey(now: number): SigningKey {
  return { id: randomBytes(4).toString("hex"), secret: randomBytes(32).toString("hex"), createdAt: now };
}

function valid(keys: readonly SigningKey[], now: number): readonly SigningKey[] {
  return keys.filter(({ validUntil = Infinity }) => now < validUntil);
}
