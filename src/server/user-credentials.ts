/**
 * Keys to the object store for people: anyone who may read the data directory can derive one, as they could
 * read the objects themselves. Nothing is stored; a key contains the prefix that it opens.
 */
import { issueAccessKey, type AccessKey, type Credentials } from "../orchestrator/access-keys.ts";
import type { SigningKeys } from "../orchestrator/signing-keys.ts";

/** `prefix`: of the keys to open; empty for all, else it ends in a slash. */
export function userCredentials(keys: SigningKeys, prefix: string): Credentials {
  return issueAccessKey(keys, "user", prefix);
}

/** Keys that open what the token with this id may read or write, as long as it is valid. */
export function tokenCredentials(keys: SigningKeys, tokenId: string): Credentials {
  return issueAccessKey(keys, "token", tokenId);
}

/** The prefix of the keys that this access key opens. */
export function userPrefixOf({ subject }: AccessKey): string {
  return subject;
}
