/**
 * Signs what the server gives to its callers, so that it recognises it again without storing it. The current key signs;
 * those before it verify until their time is over, and longer what was given to attempts that began before (stored-signing-keys.ts).
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
  /** When another key became the current one. */
  readonly replacedAt?: TimeMs;
}

export interface VerifyingKey extends SigningKey {
  /** Names of attempts that began before it was replaced, and have not ended. */
  readonly attempts?: ReadonlySet<string>;
}

/** `attempt`: the name of the attempt to which it was given, where it was given to one. */
export interface SigningKeys {
  /** What is signed for one purpose is not valid for another. In base64url. */
  sign(purpose: string, text: string): string;
  /** Did a key sign it that is still valid? */
  verify(purpose: string, text: string, signature: string, attempt?: string): boolean;
  /** Of the key that signs now. */
  currentId(): string;
  /** Of all keys that are valid now. */
  validIds(attempt?: string): readonly string[];
  /** As `sign`, with the key of this id; undefined where that is unknown or no longer valid. */
  signWith(id: string, purpose: string, text: string, attempt?: string): string | undefined;
}

/** Signatures of which it is known which key made them; each is a few hundred bytes. */
const MOST_VERIFIED = 1_000;

/** `all`: the keys as they are now, the current one first. */
export function createSigningKeys(
  all: () => readonly [VerifyingKey, ...VerifyingKey[]],
  clock: Pick<Clock, "now">,
): SigningKeys {
  const isValid = ({ validUntil, attempts }: VerifyingKey, attempt: string | undefined) =>
    validUntil === undefined ||
    clock.now() < validUntil ||
    (attempt !== undefined && attempts?.has(attempt) === true);
  /** Ids of the keys by what they have signed: a task shows the same token at each call. */
  const verified = new Map<string, string>();
  const signer = (purpose: string, text: string, given: string): VerifyingKey | undefined => {
    const shown = JSON.stringify([purpose, text, given]);
    const id = verified.get(shown);
    if (id !== undefined) return all().find((key) => key.id === id);
    const key = all().find((each) => isSame(signature(each, purpose, text), given));
    if (key === undefined) return undefined;
    const [oldest] = verified.keys();
    if (verified.size >= MOST_VERIFIED && oldest !== undefined) verified.delete(oldest);
    verified.set(shown, key.id);
    return key;
  };
  return {
    sign: (purpose, text) => signature(all()[0], purpose, text),
    verify: (purpose, text, given, attempt) => {
      const key = signer(purpose, text, given);
      return key !== undefined && isValid(key, attempt);
    },
    currentId: () => all()[0].id,
    validIds: (attempt) =>
      all()
        .filter((key) => isValid(key, attempt))
        .map(({ id }) => id),
    signWith: (id, purpose, text, attempt) => {
      const key = all().find((each) => each.id === id && isValid(each, attempt));
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
