/** The token that is meant by a name or an id. */
import type { AccessToken } from "../../domain/access-token.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { StoreReader } from "../../store/reader.ts";

/** Throws CONFIG_INVALID, also for a token that was revoked. */
export async function findToken(
  store: StoreReader,
  name: string | undefined,
  /** How to name one. */
  usage: string,
): Promise<AccessToken> {
  if (name === undefined)
    throw new BoxkiteError("CONFIG_INVALID", "no token is named", {
      hint: `${usage}, with a name or an id of boxkite token list`,
    });
  const tokens = await store.listTokens();
  const valid = tokens.filter(({ revokedAt }) => revokedAt === undefined);
  const found = valid.find((token) => token.name === name) ?? valid.find(({ id }) => id === name);
  if (found !== undefined) return found;
  const wasRevoked = tokens.some((token) => token.name === name || token.id === name);
  throw new BoxkiteError(
    "CONFIG_INVALID",
    wasRevoked
      ? `the token ${name} is revoked, which is for ever`
      : `there is no token ${JSON.stringify(name)}`,
    { hint: wasRevoked ? "boxkite token list --all" : "boxkite token list" },
  );
}
