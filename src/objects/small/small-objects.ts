/**
 * Small objects: rows of one database, whose writes share commits (sqlite/database.ts). As durable as the store: what was
 * answered is on disk.
 */
import { join } from "node:path";
import { openDatabase, type Database, type Row } from "../../sqlite/database.ts";
import type { Encryption } from "../directory/encryption.ts";
import { inMemory } from "../directory/file-bytes.ts";
import { compareKeys } from "../directory/key-order.ts";
import { decodeTrailer, type Description } from "../directory/object-file.ts";
import { openSingle } from "../directory/open-object.ts";
import { isWanted, type FoundKey, type Walk } from "../directory/walk.ts";
import type { OpenObject } from "../hosted-store.ts";
import type { SmallObject } from "./small-object.ts";

export const SMALL_OBJECTS_FILE = "small.sqlite";

/** Makes the database if it is not there. Throws DATA_DIRECTORY_UNUSABLE or DISK_FULL. */
export function openSmallObjects(directory: string, encryption: Encryption): SmallObjects {
  const file = join(directory, SMALL_OBJECTS_FILE);
  const migrations = join(import.meta.dirname, "migrations");
  const database = openDatabase({ file, name: "the database of small objects", migrations });
  // An object that was replaced or deleted, such as an error document with a secret, is not to be found in free pages.
  database.get("PRAGMA secure_delete = ON");
  return new SmallObjects(database, file, encryption);
}

/** A listing with a delimiter leaves most rows of a page out, and one without needs all of them. */
const FEWEST_AT_ONCE = 4;
const MOST_AT_ONCE = 256;
/** Above all that a key may have behind a prefix, but for this very code point. */
const LAST_CODE_POINT = "\u{10ffff}";

interface Position {
  readonly key: string;
  readonly isIncluded: boolean;
}

export class SmallObjects {
  readonly #database: Database;
  readonly #file: string;
  readonly #encryption: Encryption;

  constructor(database: Database, file: string, encryption: Encryption) {
    this.#database = database;
    this.#file = file;
    this.#encryption = encryption;
  }

  has(key: string): boolean {
    return this.#database.get("SELECT 1 FROM objects WHERE key = ?", key) !== undefined;
  }

  /** Throws OBJECT_DAMAGED. */
  describe(key: string): Description | undefined {
    const row = this.#database.get(
      "SELECT trailer, length(content) AS bytes FROM objects WHERE key = ?",
      key,
    );
    return row && this.#described(key, row);
  }

  /** Throws OBJECT_DAMAGED. */
  open(key: string): OpenObject | undefined {
    const row = this.#database.get(
      "SELECT trailer, content, length(content) AS bytes FROM objects WHERE key = ?",
      key,
    );
    if (row === undefined) return undefined;
    const description = this.#described(key, row);
    const handle = inMemory(row["content"] as Uint8Array);
    return openSingle({ handle, path: this.#placeOf(key), description }, this.#encryption);
  }

  /** In byte order; the database is read only as far as they are asked for. */
  async *keys(walk: Walk): AsyncGenerator<FoundKey> {
    let position = firstPosition(walk);
    for (let atOnce = FEWEST_AT_ONCE; ; atOnce = Math.min(4 * atOnce, MOST_AT_ONCE)) {
      const rows = this.#rowsFrom(position, atOnce);
      for (const row of rows) {
        const key = row["key"] as string;
        if (!key.startsWith(walk.prefix)) return;
        position = { key, isIncluded: false };
        if (walk.skip !== undefined && key.startsWith(walk.skip)) {
          const behind = walk.skip + LAST_CODE_POINT;
          if (compareKeys(behind, key) <= 0) continue;
          position = { key: behind, isIncluded: true };
          atOnce = FEWEST_AT_ONCE / 4;
          break;
        }
        if (isWanted(key, false, walk)) yield { key, describe: async () => this.#described(key, row) };
      }
      if (rows.length === 0) return;
    }
  }

  count(): number {
    return Number(this.#database.get("SELECT count(*) AS count FROM objects")?.["count"]);
  }

  /** Replaces a row. `hidesFile`: the key has a file, which the row hides from now on. */
  put(key: string, { content, trailer }: SmallObject, hidesFile: boolean): Promise<void> {
    return this.#database.write(() => {
      this.#database.run(
        `INSERT INTO objects (key, trailer, content) VALUES (?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET trailer = excluded.trailer, content = excluded.content`,
        key,
        trailer,
        content,
      );
      if (hidesFile) this.#hideFile(key);
    });
  }

  /** The file that is about to be made beside the row of the key is hidden. */
  hideFile(key: string): Promise<void> {
    return this.#database.write(() => this.#hideFile(key));
  }

  /** Keys that may have a file beside their row. */
  hiddenFiles(): string[] {
    return this.#database.all("SELECT key FROM hidden_files").map((row) => row["key"] as string);
  }

  /** The file of the key is gone. */
  forgetFile(key: string): Promise<void> {
    return this.#database.write(() => this.#forgetFile(key));
  }

  /** Removes the row of a key: a file that it has hidden is the object from now on. */
  remove(key: string): Promise<void> {
    return this.#database.write(() => {
      this.#database.run("DELETE FROM objects WHERE key = ?", key);
      this.#forgetFile(key);
    });
  }

  /** Throws DATA_DIRECTORY_UNUSABLE where the file was removed, moved or replaced. */
  check(): void {
    this.#database.check();
  }

  close(): void {
    this.#database.close();
  }

  #hideFile(key: string): void {
    this.#database.run("INSERT INTO hidden_files (key) VALUES (?) ON CONFLICT DO NOTHING", key);
  }

  #forgetFile(key: string): void {
    this.#database.run("DELETE FROM hidden_files WHERE key = ?", key);
  }

  #rowsFrom({ key, isIncluded }: Position, limit: number): Row[] {
    return this.#database.all(
      `SELECT key, trailer, length(content) AS bytes FROM objects WHERE key ${isIncluded ? ">=" : ">"} +?
       ORDER BY key LIMIT +?`,
      key,
      limit,
    );
  }

  #described(key: string, row: Row): Description {
    const { buffer, byteOffset, byteLength } = row["trailer"] as Uint8Array;
    return decodeTrailer(Buffer.from(buffer, byteOffset, byteLength), {
      key,
      path: this.#placeOf(key),
      contentBytes: row["bytes"] as number,
    });
  }

  #placeOf(key: string): string {
    return `the row of ${key} in ${this.#file}`;
  }
}

function firstPosition({ prefix, after }: Walk): Position {
  if (after === undefined) return { key: prefix, isIncluded: true };
  const behind = after.wholePrefix ? after.key + LAST_CODE_POINT : after.key;
  return { key: compareKeys(behind, prefix) > 0 ? behind : prefix, isIncluded: true };
}
