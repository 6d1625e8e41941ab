/**
 * Signs what the server gives to its callers, so that it recognises it again without storing it. The current key signs;
 * those before it verify until their time is over (stored-signing-keys.ts).
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { TimeMs } from "../domain/action.ts";
import type { Clock } from "../lib/clock.ts";

export interface SigningKey {
  /** Hexadecimal digits. */
  readonly id: string;
  readonly secret: string;
  readonly createdAt: TimeMs;
  /** Undefined for the current key. */
  readonly validUntil?: TimeMs;
}

export interface SigningKeys {
  /** What is signed for one purpose is not valid for another. In base64url. */
  sign(purpose: string, text: string): string;
  /** Did a key sign it that is still valid? */
  verify(purpose: string, text: string, signature: string): boolean;
  /** Of the key that signs now. */
  currentId(): string;
  /** Of all keys that are valid now. */
  validIds(): readonly string[];
  /** As `sign`, with the key of this id; undefined where that is unknown or no longer valid. */
  signWith(id: string, purpose: string, text: string): string | undefined;
}

/** `all`: the keys as they are now, the current one first. */
export function createSigningKeys(
  all: () => readonly [SigningKey, ...SigningKey[]],
  clock: Pick<Clock, "now">,
): SigningKeys {
  const isValid = ({ validUntil }: SigningKey) => validUntil === undefined || clock.now() < validUntil;
  return {
    sign: (purpose, text) => signature(all()[0], purpose, text),
    verify: (purpose, text, given) =>
      all().some((key) => isValid(key) && isSame(signature(key, purpose, text), given)),
    currentId: () => all()[0].id,
    validIds: () =>
      all()
        .filter(isValid)
        .map(({ id }) => id),
    signWith: (id, purpose, text) => {
      const key = all().find((each) => each.id === id && isValid(each));
      return key && signature(key, purpose, text);
    },
  };
}

function signature({ secret }: SigningKey, purpose: string, text: string): string {
  return createHmac("sha256", secret).update(`${purpose}:${text}`).digest("base64url");
}

function isSame(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}
