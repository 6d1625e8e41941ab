/** The token that is meant by a name or an id. */
import type { AccessToken } from "../../domain/access-token.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { StoreReader } from "../../store/reader.ts";

/** Throws CONFIG_INVALID; a revoked token is not found. */
export async function findToken(store: StoreReader, name: string | undefined): Promise<AccessToken> {
  if (name === undefined)
    throw new BoxkiteError("CONFIG_INVALID", "no token is named", { hint: "boxkite token list" });
  const valid = (await store.listTokens()).filter(({ revokedAt }) => revokedAt === undefined);
  const found = valid.find((token) => token.name === name) ?? valid.find(({ id }) => id === name);
  if (found !== undefined) return found;
  throw new BoxkiteError("CONFIG_INVALID", `there is no token ${JSON.stringify(name)}`, {
    hint: "boxkite token list",
  });
}
