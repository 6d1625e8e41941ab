/** Tables that keep what was found last: above a number of rows those that were found first are forgotten. */
import type { Database } from "../../sqlite/database.ts";

/** `column`: when it was found; it has an index. */
export function forgetOldest(database: Database, table: string, column: string, kept: number): void {
  database.run(
    `DELETE FROM ${table} WHERE ${column} < (SELECT ${column} FROM ${table} ORDER BY ${column} DESC LIMIT 1 OFFSET +?)`,
    kept - 1,
  );
}
