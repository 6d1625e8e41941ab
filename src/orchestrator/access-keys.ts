/**
 * Keys for the object endpoint. The access key id says what the key is of and which signing key its secret is derived
 * with, so there is nothing to store, and it ends with that signing key.
 */
import type { AttemptKey } from "../domain/attempt.ts";
import { nameOfAttempt } from "./attempt-name.ts";
import type { SigningKeys } from "./signing-keys.ts";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A link's secret leaves the server in no other form than the signature of the link. */
export type AccessKeyKind = "attempt" | "reproduction" | "user" | "token" | "link";

export interface AccessKey {
  readonly kind: AccessKeyKind;
  /** What the key is of, in the form of its kind. */
  readonly subject: string;
  readonly secretAccessKey: string;
}

const PURPOSE = "access-key";
/** The id stands between slashes in a signature's scope, so it must not hold any itself. */
const ID = /^(attempt|reproduction|user|token|link)-([0-9a-f]+)-([\w-]*)$/u;

export function issueAccessKey(keys: SigningKeys, kind: AccessKeyKind, subject: string): Credentials {
  const accessKeyId = idOf(kind, keys.currentId(), subject);
  return { accessKeyId, secretAccessKey: keys.sign(PURPOSE, accessKeyId) };
}

function idOf(kind: AccessKeyKind, signingKey: string, subject: string): string {
  return `${kind}-${signingKey}-${Buffer.from(subject).toString("base64url")}`;
}

/** Undefined for an id of no such form, and for one whose signing key is not valid any more. */
export function readAccessKey(keys: SigningKeys, accessKeyId: string): AccessKey | undefined {
  const [, kind, signingKey = "", encoded = ""] = ID.exec(accessKeyId) ?? [];
  const subject = Buffer.from(encoded, "base64url").toString();
  const attempt = kind === "attempt" ? subject : undefined;
  const secretAccessKey = keys.signWith(signingKey, PURPOSE, accessKeyId, attempt);
  if (kind === undefined || secretAccessKey === undefined) return undefined;
  return {
    kind: kind as AccessKeyKind,
    subject,
    secretAccessKey,
  };
}

/** Of an attempt; it opens nothing once that has ended. */
export function credentialsOf(keys: SigningKeys, attempt: AttemptKey): Credentials {
  return issueAccessKey(keys, "attempt", nameOfAttempt(attempt));
}

/** The secrets of all credentials that the attempt may have been given: see `tokensOf`. */
export function secretsOf(keys: SigningKeys, attempt: AttemptKey): readonly string[] {
  const name = nameOfAttempt(attempt);
  return keys
    .validIds(name)
    .map((id) => keys.signWith(id, PURPOSE, idOf("attempt", id, name), name))
    .filter((secret) => secret !== undefined);
}
