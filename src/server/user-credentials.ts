/**
 * Keys to the object store for people: anyone who may read the data directory can derive one, as they could
 * read the objects themselves. Nothing is stored; a key contains the prefix that it opens.
 */
import type { Credentials, RunIdentities } from "../orchestrator/run-identity.ts";

const EVERYTHING = "user";
const PREFIX = "user-";

/** `prefix`: of the keys to open; empty for all, else it ends in a slash. */
export function userCredentials(identities: RunIdentities, prefix: string): Credentials {
  // The id stands between slashes in a signature's scope, so it must not hold any itself.
  const accessKeyId = prefix === "" ? EVERYTHING : `${PREFIX}${Buffer.from(prefix).toString("base64url")}`;
  return { accessKeyId, secretAccessKey: identities.secretOf(accessKeyId) };
}

const TOKEN = "token-";

/** Keys that open what the token with this id may read or write, as long as it is valid. */
export function tokenCredentials(identities: RunIdentities, tokenId: string): Credentials {
  const accessKeyId = `${TOKEN}${tokenId}`;
  return { accessKeyId, secretAccessKey: identities.secretOf(accessKeyId) };
}

/** The id of the token that this access key is bound to; undefined for one of another kind. */
export function tokenIdOf(accessKeyId: string): string | undefined {
  return accessKeyId.startsWith(TOKEN) ? accessKeyId.slice(TOKEN.length) : undefined;
}

/** The prefix of the keys that this access key opens; undefined for one of another kind. */
export function userPrefixOf(accessKeyId: string): string | undefined {
  if (accessKeyId === EVERYTHING) return "";
  if (!accessKeyId.startsWith(PREFIX)) return undefined;
  const prefix = Buffer.from(accessKeyId.slice(PREFIX.length), "base64url").toString();
  return prefix.endsWith("/") ? prefix : undefined;
}
