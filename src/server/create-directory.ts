/** Creates the data directory, and says in words why one cannot be used. */
import { lstat, mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import { errnoOf, orAbsent } from "../lib/errno.ts";

/**
 * Creates a directory and its parents. One by one: Node's `recursive` never ends where the file system takes no
 * directories, such as `/proc` (seen with Node 24.11).
 */
export async function createDirectory(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (errnoOf(error) === "EEXIST" && (await stat(path)).isDirectory()) return;
    const parent = dirname(path);
    if (errnoOf(error) !== "ENOENT" || (await orAbsent(lstat(parent))) !== undefined) throw error;
    await createDirectory(parent, mode);
    await mkdir(path, { mode });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: "it is a file, not a directory",
  ENOTDIR: "it, or a part of its path, is a file, not a directory",
  EACCES: "this user may not create or change files there",
  EPERM: "this user may not create or change files there",
  EROFS: "its file system is read-only",
  ENOSPC: "its disk is full",
  EDQUOT: "its disk quota is used up",
  ENAMETOOLONG: "its name is too long",
  ELOOP: "its symbolic links form a loop",
  ENOENT: "its file system takes no new directories, or a symbolic link in its path points at nothing",
};

const DISK_IS_FULL = new Set(["ENOSPC", "EDQUOT"]);
const MAX_SHOWN = 200;
const HINT = "name another directory with --data";

/** DISK_FULL or DATA_DIRECTORY_UNUSABLE, with the reason. A BoxkiteError stays as it is. */
export function explainDirectory(error: unknown, directory: string, hint = HINT): BoxkiteError {
  if (error instanceof BoxkiteError) return error;
  const errno = errnoOf(error) ?? "";
  const reason = REASONS[errno] ?? messageOf(error);
  const shown = directory.length > MAX_SHOWN ? `${directory.slice(0, MAX_SHOWN)}…` : directory;
  return new BoxkiteError(
    DISK_IS_FULL.has(errno) ? "DISK_FULL" : "DATA_DIRECTORY_UNUSABLE",
    `the data directory ${shown} cannot be used: ${reason}`,
    { hint, cause: error },
  );
}
