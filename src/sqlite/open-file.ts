/** Opens the file of a database: checks it, configures it and migrates it. */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { BoxkiteError } from "../domain/errors.ts";
import type { Row } from "./database.ts";
import { damaged, explained, resultCodeOf, type NamedFile } from "./sqlite-error.ts";

export interface DatabaseFile extends NamedFile {
  /** Directory of the files with its schema, `NNNN_name.sql`, in the order in which they are applied. */
  readonly migrations: string;
  readonly onMigration?: OnMigration;
}

/** A database that an earlier version of the program wrote, about to get the present schema. */
interface Migration {
  /** Versions of the schema. */
  readonly from: number;
  readonly to: number;
  /** Size of the database. */
  readonly bytes: number;
}

/** Called before a migration; what it returns is called once that is done. */
export type OnMigration = (migration: Migration) => () => void;

/** To which size a log that has grown further goes back; SQLite usually writes one over when it has 4 MiB. */
const MAX_KEPT_LOG_BYTES = 8 * 1024 * 1024;

/** Throws DATA_DIRECTORY_UNUSABLE. `file` may be `:memory:`. */
export function openFile(of: DatabaseFile): DatabaseSync {
  const { file } = of;
  let sqlite: DatabaseSync | undefined;
  try {
    refuseFragment(of);
    sqlite = new DatabaseSync(file);
    sqlite.exec(`
      PRAGMA busy_timeout = 5000;
      PRAGMA journal_mode = WAL;
      PRAGMA journal_size_limit = ${MAX_KEPT_LOG_BYTES};
      PRAGMA synchronous = FULL;
      PRAGMA foreign_keys = ON;
      PRAGMA temp_store = MEMORY;
    `);
    checkPages(sqlite, of);
    migrate(sqlite, of);
    return sqlite;
  } catch (error) {
    sqlite?.close();
    if (resultCodeOf(error) === undefined) throw error;
    throw explained(error, of, "could not be opened");
  }
}

/** The smallest page size. SQLite treats a file that is smaller as a new one and overwrites it. */
const SMALLEST_PAGE_BYTES = 512;

function refuseFragment(of: NamedFile): void {
  const bytes = statSync(of.file, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes > 0 && bytes < SMALLEST_PAGE_BYTES) throw damaged(of, `it has ${bytes} bytes`);
}

/** A check costs 1.2 ms per MiB, more from a cold disk. Damage in a larger file is reported when it is read. */
const MAX_CHECKED_BYTES = 64 * 1024 * 1024;

/** Throws DATA_DIRECTORY_UNUSABLE for a malformed page. */
function checkPages(sqlite: DatabaseSync, of: NamedFile): void {
  if (sizeOf(sqlite) > MAX_CHECKED_BYTES) return;
  const { quick_check: found } = sqlite.prepare("PRAGMA quick_check(1)").get() as { quick_check: string };
  if (found !== "ok") throw damaged(of, found.replaceAll(/\s+/g, " "));
}

function sizeOf(sqlite: DatabaseSync): number {
  const { bytes } = sqlite
    .prepare("SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size")
    .get() as { bytes: number };
  return bytes;
}

/** Applies the numbered migrations that this database has not seen, all in one transaction. */
function migrate(sqlite: DatabaseSync, { name: database, migrations, onMigration }: DatabaseFile): void {
  const files = readdirSync(migrations)
    .filter((name) => name.endsWith(".sql"))
    .toSorted();
  const version = Number((sqlite.prepare("PRAGMA user_version").get() as Row)["user_version"]);
  if (version > files.length) {
    throw new BoxkiteError(
      "DATA_DIRECTORY_UNUSABLE",
      `${database} was written by a newer version (its schema is ${version}, this program knows ${files.length})`,
      { hint: "run the newer version, or name another data directory with --data" },
    );
  }
  // A new file has no schema yet.
  const isOlder = version > 0 && version < files.length;
  const done = isOlder
    ? onMigration?.({ from: version, to: files.length, bytes: sizeOf(sqlite) })
    : undefined;
  if (version < files.length) {
    const missing = files.slice(version).map((name) => readFileSync(join(migrations, name), "utf8"));
    sqlite.exec(`BEGIN IMMEDIATE;\n${missing.join("\n")}\nPRAGMA user_version = ${files.length};\nCOMMIT;`);
    // A log that the database must grow for cannot be shortened once the disk is full.
    sqlite.exec("PRAGMA wal_checkpoint");
  }
  done?.();
}
