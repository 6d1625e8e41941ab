/**
 * The lock that keeps a second server out of a directory. The kernel releases it when its holder dies, however
 * that happens, and it belongs to the directory itself, not to its name. Node has no file locks; SQLite does.
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { BoxkiteError, messageOf } from "../domain/errors.ts";

/** https://www.sqlite.org/rescode.html */
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** Throws DATA_DIRECTORY_UNUSABLE, naming the holder. The result unlocks. */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const holderFile = join(directory, "lock.pid");
  const lock = takeLock(join(directory, "lock.sqlite"));
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
    throw unusable(directory, error);
  }
  return async () => {
    await rm(holderFile, { force: true });
    lock.close();
  };
}

/** Undefined: another process has it. */
function takeLock(file: string): DatabaseSync | undefined {
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
    if (code !== SQLITE_NOTADB && code !== SQLITE_CORRUPT) throw unusable(file, error);
    throw new BoxkiteError("DATA_DIRECTORY_UNUSABLE", `the lock ${file} is damaged`, {
      hint: `remove it, it holds no data: rm ${file}`,
      cause: error,
    });
  }
}

function unusable(path: string, error: unknown): BoxkiteError {
  return new BoxkiteError("DATA_DIRECTORY_UNUSABLE", `cannot lock ${path}: ${messageOf(error)}`, {
    hint: "name another data directory with --data",
    cause: error,
  });
}
