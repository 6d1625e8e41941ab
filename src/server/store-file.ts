/**
 * Whether a data directory is whole enough to start on. SQLite makes a file that is missing, so a store that was
 * lost would come back empty, with another signing key, beside objects that no run refers to any more.
 */
import { open } from "node:fs/promises";
import { join } from "node:path";
import { BoxkiteError, messageOf } from "../domain/errors.ts";

export const STORE_FILE = "store.sqlite";
export const OBJECTS_DIRECTORY = "objects";

/** https://www.sqlite.org/fileformat.html#the_database_header */
const SQLITE_HEADER_BYTES = 100;
const SQLITE_MAGIC = "SQLite format 3";
/** What the last migration wrote. */
const USER_VERSION_OFFSET = 60;

/**
 * True if there is a store, false in a directory where none was made yet. Throws DATA_DIRECTORY_UNUSABLE where
 * there must have been one: objects, or a write-ahead log, are there without it.
 */
export async function hasStore(directory: string): Promise<boolean> {
  const file = join(directory, STORE_FILE);
  const found = await examine(file);
  if (found === "filled") return true;
  // Not loaded where there is a store: some commands do little else.
  const { countObjects } = await import("../objects/directory-store.ts");
  const objects = await countObjects(join(directory, OBJECTS_DIRECTORY));
  // The write-ahead log: SQLite removes one that is alone, and with it changes that can still be restored.
  if (objects === 0 && !(await hasContent(`${file}-wal`))) return false;
  const holds = objects === 0 ? `${STORE_FILE}-wal` : `${objects} object${objects === 1 ? "" : "s"}`;
  throw new BoxkiteError(
    "DATA_DIRECTORY_UNUSABLE",
    `the data directory ${directory} holds ${holds}, but its store is ${found}: ${file} ` +
      "has the runs and the key that signs for the objects",
    {
      hint:
        `restore ${STORE_FILE} from a backup; to start from nothing, move ` +
        `${objects === 0 ? `${file}-wal` : join(directory, OBJECTS_DIRECTORY)} away, or name another directory with --data`,
    },
  );
}

/** A file that is missing, empty, or without any migration holds nothing. */
async function examine(file: string): Promise<"missing" | "empty" | "filled"> {
  const header = await beginningOf(file, SQLITE_HEADER_BYTES);
  if (header === undefined) return "missing";
  if (header.length === 0) return "empty";
  if (header.length < SQLITE_HEADER_BYTES || !header.toString("latin1").startsWith(SQLITE_MAGIC))
    return "filled";
  // While there is a write-ahead log, the header may be out of date.
  const isBlank = header.readUInt32BE(USER_VERSION_OFFSET) === 0 && !(await hasContent(`${file}-wal`));
  return isBlank ? "empty" : "filled";
}

async function hasContent(file: string): Promise<boolean> {
  return ((await beginningOf(file, 1))?.length ?? 0) > 0;
}

/** Undefined if there is no such file. */
async function beginningOf(file: string, bytes: number): Promise<Buffer | undefined> {
  try {
    const handle = await open(file, "r");
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw new BoxkiteError("DATA_DIRECTORY_UNUSABLE", `${file} could not be read: ${messageOf(error)}`, {
      hint: "make it readable for the user of this program, or name another directory with --data",
      cause: error,
    });
  }
}
