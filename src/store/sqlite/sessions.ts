/** Cookies and access tokens. */
import type { Session } from "../../domain/session.ts";
import type { Store } from "../store.ts";
import type { Database, Row } from "../../sqlite/database.ts";
import { text } from "./rows.ts";

export function sessionStore(database: Database): Pick<Store, "beginSession" | "findSession" | "endSession"> {
  return {
    beginSession: ({ kind, hash, token, until }, { at, most }) =>
      database.write(() => {
        database.run("DELETE FROM sessions WHERE until <= ?", at);
        // Those that end first began first: all of a kind live equally long.
        database.run(
          `DELETE FROM sessions WHERE kind = ?1 AND hash IN (
             SELECT hash FROM sessions WHERE token = ?2 AND kind = ?1 ORDER BY until DESC, hash LIMIT -1 OFFSET +?3)`,
          kind,
          token,
          most - 1,
        );
        database.run(
          "INSERT INTO sessions (kind, hash, token, until) VALUES (?, ?, ?, ?)",
          kind,
          hash,
          token,
          until,
        );
      }),
    findSession: async (kind, hash) => {
      const row = database.get("SELECT * FROM sessions WHERE kind = ? AND hash = ?", kind, hash);
      return row && toSession(row);
    },
    endSession: (kind, hash) =>
      database.write(() => void database.run("DELETE FROM sessions WHERE kind = ? AND hash = ?", kind, hash)),
  };
}

function toSession(row: Row): Session {
  return {
    kind: text(row["kind"]) as Session["kind"],
    hash: text(row["hash"]),
    token: text(row["token"]),
    until: row["until"] as number,
  };
}
