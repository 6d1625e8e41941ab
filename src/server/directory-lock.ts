/**
 * The lock that keeps a second server out of a directory. The kernel releases it when its holder dies, however
 * that happens, and it belongs to the directory itself, not to its name. Node has no file locks; SQLite does.
 */
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { BoxkiteError } from "../domain/errors.ts";
import { explainDirectory } from "./create-directory.ts";

/** https://www.sqlite.org/rescode.html */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** Throws DATA_DIRECTORY_UNUSABLE, naming the holder. The result unlocks. */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const holderFile = join(directory, "lock.pid");
  const lock = await takeLock(directory);
  if (lock === undefined) {
    const holder = await readFile(holderFile, "utf8").catch(() => "");
    throw new BoxkiteError(
      "DATA_DIRECTORY_UNUSABLE",
      `another server${holder && ` (pid ${holder})`} uses the data directory ${directory}`,
      { hint: "end it, or name another directory with --data" },
    );
  }
  try {
    await writeFile(holderFile, String(process.pid));
  } catch (error) {
    lock.close();
    throw explainDirectory(error, directory);
  }
  return async () => {
    await rm(holderFile, { force: true });
    lock.close();
  };
}

/** Undefined: another process has it. */
async function takeLock(directory: string): Promise<DatabaseSync | undefined> {
  const file = join(directory, "lock.sqlite");
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(file);
    // Never committed, and so held for as long as the file is open.
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock?.close();
    const code = error instanceof Error && "errcode" in error ? error.errcode : undefined;
    if (code === SQLITE_BUSY) return undefined;
    if (code !== SQLITE_NOTADB && code !== SQLITE_CORRUPT)
      throw explainDirectory((await writeErrorOf(file)) ?? error, directory);
    throw new BoxkiteError("DATA_DIRECTORY_UNUSABLE", `the lock ${file} is damaged`, {
      hint: `remove it, it holds no data: rm ${file}`,
      cause: error,
    });
  }
}

/** SQLite says that it cannot open a file; what the system says has the reason. */
async function writeErrorOf(file: string): Promise<unknown> {
  try {
    const handle = await open(file, "a");
    try {
      await handle.write("\0");
      // A lock has no content.
      await handle.truncate(0);
    } finally {
      await handle.close();
    }
    return undefined;
  } catch (error) {
    return error;
  }
}
