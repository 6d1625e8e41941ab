/**
 * By which a task proves who it is when it calls: a signed name of its attempt, in the path of the endpoint that its
 * container is given. Nothing is stored; whether the attempt still lives is asked of the store at each call.
 */
import type { AttemptKey } from "../domain/attempt.ts";
import { ATTEMPT_TOKEN_PREFIX } from "../lib/token-text.ts";
import { attemptOfName, nameOfAttempt } from "./attempt-name.ts";
import type { SigningKeys } from "./signing-keys.ts";

const PURPOSE = "attempt-token";

/** Only of characters that a path holds as they are. */
export function tokenOf(keys: SigningKeys, attempt: AttemptKey): string {
  const name = encoded(attempt);
  return tokenFrom(name, keys.sign(PURPOSE, name));
}

/** All that the attempt may have been given: its signing key may not be the current one any more. */
export function tokensOf(keys: SigningKeys, attempt: AttemptKey): readonly string[] {
  const [name, text] = [nameOfAttempt(attempt), encoded(attempt)];
  return keys
    .validIds(name)
    .map((id) => keys.signWith(id, PURPOSE, text, name))
    .filter((signature) => signature !== undefined)
    .map((signature) => tokenFrom(text, signature));
}

function encoded(attempt: AttemptKey): string {
  return Buffer.from(nameOfAttempt(attempt)).toString("base64url");
}

function tokenFrom(name: string, signature: string): string {
  return `${ATTEMPT_TOKEN_PREFIX}${name}.${signature}`;
}

/** The attempt that the token was made for; undefined for one that this server did not make. */
export function attemptOfToken(keys: SigningKeys, token: string): AttemptKey | undefined {
  if (!isAttemptToken(token)) return undefined;
  const [text = "", signature = ""] = token.slice(ATTEMPT_TOKEN_PREFIX.length).split(".");
  const name = Buffer.from(text, "base64url").toString();
  return keys.verify(PURPOSE, text, signature, name) ? attemptOfName(name) : undefined;
}

export function isAttemptToken(token: string): boolean {
  return token.startsWith(ATTEMPT_TOKEN_PREFIX);
}
