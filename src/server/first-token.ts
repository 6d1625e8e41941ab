/** The token of a first admin, where there is no valid token at all: nobody else could create one. */
import type { AuditLog } from "../audit/audit-log.ts";
import { operatorEntry } from "../audit/operator-entry.ts";
import { isValid } from "../domain/access-token.ts";
import { LOCAL } from "../domain/principal.ts";
import type { Clock } from "../lib/clock.ts";
import type { Store } from "../store/store.ts";
import { createToken } from "./create-token.ts";

const FIRST = "admin";

export interface FirstTokenOptions {
  readonly store: Pick<Store, "createToken" | "listTokens" | "revokeToken">;
  readonly audit: Pick<AuditLog, "write">;
  readonly clock: Clock;
}

/** Its text. Throws DISK_FULL or DATA_DIRECTORY_UNUSABLE where it cannot be recorded; then there is none. */
export async function createFirstToken({
  store,
  audit,
  clock,
}: FirstTokenOptions): Promise<string | undefined> {
  const at = clock.now();
  const tokens = await store.listTokens();
  if (tokens.some((token) => isValid(token, at))) return undefined;
  const taken = tokens.filter(({ revokedAt }) => revokedAt === undefined).map(({ name }) => name);
  const { token, text } = await createToken(store, {
    name: taken.includes(FIRST) ? `${FIRST}-${at}` : FIRST,
    grants: [{ role: "admin" }],
    expiresAt: undefined,
    createdBy: LOCAL.who,
    at,
  });
  try {
    audit.write(operatorEntry({ call: "boxkite up", on: [{ kind: "token", key: token.name }], at }));
  } catch (error) {
    // Nobody has seen it, and the next start would make none.
    await store.revokeToken(token.id, at);
    throw error;
  }
  return text;
}
