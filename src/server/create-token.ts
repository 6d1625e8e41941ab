/** A new access token: its text exists only here, and is given out once. */
import type { AccessToken, Grant } from "../domain/access-token.ts";
import type { TimeMs } from "../domain/action.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { hashOfToken, newTokenText } from "../lib/token-text.ts";
import type { Store } from "../store/store.ts";

export interface NewToken {
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly expiresAt: TimeMs | undefined;
  readonly createdBy: string;
  readonly at: TimeMs;
}

export interface CreatedToken {
  readonly token: AccessToken;
  readonly text: string;
}

/** Its name is shown beside runs, and is a part of a header: of plain characters. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/u;

/** Throws CONFIG_INVALID for a name that is not valid, or that another token has. */
export async function createToken(
  store: Pick<Store, "createToken">,
  { name, grants, expiresAt, createdBy, at }: NewToken,
): Promise<CreatedToken> {
  if (!NAME.test(name))
    throw new BoxkiteError("CONFIG_INVALID", `a token cannot be named ${JSON.stringify(name)}`, {
      hint: "use 1 to 63 letters, digits, '.', '_', '@' and '-', a letter or digit first",
    });
  const { id, text } = newTokenText();
  const token = { id, name, hash: hashOfToken(text), grants, createdAt: at, createdBy, expiresAt };
  if ((await store.createToken(token)) === "created") return { token, text };
  throw new BoxkiteError("CONFIG_INVALID", `there is a token ${name} already`, {
    hint: `choose another name, or revoke that one: boxkite token revoke ${name}`,
  });
}
