import { join } from "node:path";
import { openDatabase, type Database } from "../../sqlite/database.ts";
import type { OnMigration } from "../../sqlite/open-file.ts";

/** With the schema of this version. `file` may be `:memory:`. Throws DATA_DIRECTORY_UNUSABLE. */
export function openStoreDatabase(file: string, onMigration?: OnMigration): Database {
  const migrations = join(import.meta.dirname, "migrations");
  return openDatabase({ file, name: "the store", migrations, ...(onMigration && { onMigration }) });
}
