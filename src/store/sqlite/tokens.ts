/** Access tokens. */
import type { AccessToken } from "../../domain/access-token.ts";
import type { Store } from "../store.ts";
import type { Database, Row } from "../../sqlite/database.ts";
import { json, optionalNumber, text } from "./rows.ts";

type TokenStore = Pick<
  Store,
  "getToken" | "listTokens" | "createToken" | "setTokenGrants" | "revokeToken" | "tokenUsed"
>;

export function tokenStore(database: Database): TokenStore {
  return {
    getToken: async (id) => {
      const row = database.get("SELECT * FROM tokens WHERE id = ?", id);
      return row && toToken(row);
    },
    listTokens: async () => database.all("SELECT * FROM tokens ORDER BY created_at, id").map(toToken),
    createToken: (token) =>
      database.write(() => {
        const { changes } = database.run(
          `INSERT INTO tokens (id, name, hash, grants, created_at, created_by, expires_at)
           VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
          token.id,
          token.name,
          token.hash,
          JSON.stringify(token.grants),
          token.createdAt,
          token.createdBy,
          token.expiresAt ?? null,
        );
        return changes === 1 ? "created" : "exists";
      }),
    setTokenGrants: (id, grants) =>
      database.write(() => {
        const { changes } = database.run(
          "UPDATE tokens SET grants = ? WHERE id = ? AND revoked_at IS NULL",
          JSON.stringify(grants),
          id,
        );
        return changes === 1 ? "updated" : "missing";
      }),
    revokeToken: (id, at) =>
      database.write(() => {
        const { changes } = database.run(
          "UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
          at,
          id,
        );
        return changes === 1 ? "revoked" : "missing";
      }),
    tokenUsed: (id, at) =>
      database.write(() => void database.run("UPDATE tokens SET used_at = ? WHERE id = ?", at, id)),
  };
}

function toToken(row: Row): AccessToken {
  return {
    id: text(row["id"]),
    name: text(row["name"]),
    hash: text(row["hash"]),
    grants: json(row["grants"]),
    createdAt: row["created_at"] as number,
    createdBy: text(row["created_by"]),
    expiresAt: optionalNumber(row["expires_at"]),
    revokedAt: optionalNumber(row["revoked_at"]),
    usedAt: optionalNumber(row["used_at"]),
  };
}
