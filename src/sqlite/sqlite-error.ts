/** Errors of SQLite about a file or its disk, as errors of Boxkite. */
import { BoxkiteError, messageOf } from "../domain/errors.ts";

/** The file of a database. */
export interface NamedFile {
  readonly file: string;
  /** As messages call the database, before the path of the file: "the store". */
  readonly name: string;
}

/** https://www.sqlite.org/rescode.html */
const SQLITE_PERM = 3;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

/** Explains an error about the file or its disk. Others are returned unchanged, unless `otherwise` says what failed. */
export function explained(error: unknown, of: NamedFile, otherwise?: string): unknown {
  switch (resultCodeOf(error)) {
    case SQLITE_FULL:
      return new BoxkiteError("DISK_FULL", `cannot write to ${of.file}: its disk is full`, {
        cause: error,
        hint: `free some space: df -h ${of.file}`,
      });
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return damaged(of, messageOf(error), error);
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return unusable(error, of, otherwise ?? "can no longer be used");
    default:
      return otherwise === undefined ? error : unusable(error, of, otherwise);
  }
}

export function isDiskFull(error: unknown): boolean {
  return resultCodeOf(error) === SQLITE_FULL;
}

function unusable(error: unknown, { file, name }: NamedFile, what: string): BoxkiteError {
  return new BoxkiteError("DATA_DIRECTORY_UNUSABLE", `${name} ${file} ${what}: ${messageOf(error)}`, {
    cause: error,
    hint: "let the user of this program read and write it, check the disk and how it is mounted, or name another directory with --data",
  });
}

/** Undefined for an error that is not of SQLite. Extended codes use the bytes above the lowest. */
export function resultCodeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode & 0xff : undefined;
}

export function damaged({ file, name }: NamedFile, why: string, cause?: unknown): BoxkiteError {
  return new BoxkiteError("DATA_DIRECTORY_UNUSABLE", `${name} ${file} is damaged: ${why}`, {
    cause,
    hint: `restore it from a backup; to save what can still be read: sqlite3 ${file} .recover; to start empty, name another directory with --data`,
  });
}
