import { BoxkiteError, messageOf } from "../../domain/errors.ts";
import { errnoOf } from "../../lib/errno.ts";

const UNWRITABLE: Readonly<Record<string, string>> = {
  ENOSPC: "its disk is full",
  EDQUOT: "its disk quota is used up",
  EROFS: "its file system is read-only",
  EACCES: "this process may not write there",
  EPERM: "this process may not write there",
  EIO: "its disk reports an error",
};

const DISK_IS_FULL = new Set(["ENOSPC", "EDQUOT"]);

/** Says in words what stops every write. Other errors, and those of the body's source, stay as they are. */
export function explainWriteError(error: unknown, directory: string): unknown {
  const reason = UNWRITABLE[errnoOf(error) ?? ""];
  if (reason === undefined || error instanceof BoxkiteError) return error;
  const isFull = DISK_IS_FULL.has(errnoOf(error) ?? "");
  const message = `cannot write objects to ${directory}: ${reason}`;
  return new BoxkiteError(isFull ? "DISK_FULL" : "DATA_DIRECTORY_UNUSABLE", message, {
    cause: error,
    hint: isFull
      ? `free some space: df -h ${directory}`
      : `let the user of this program write there, and check how the disk is mounted: findmnt -T ${directory}`,
  });
}

/** Says in words that a directory cannot hold objects or cannot be read. */
export function explainOpenError(error: unknown, directory: string): unknown {
  const explained = explainWriteError(error, directory);
  if (explained instanceof BoxkiteError) return explained;
  return new BoxkiteError(
    "DATA_DIRECTORY_UNUSABLE",
    `the directory of objects ${directory} cannot be used: ${messageOf(error)}`,
    {
      cause: error,
      hint: "let the user of this program read and write it, or name another data directory with --data",
    },
  );
}

/** What a file system answers for content that is lost, or that this user may not have. */
const UNREADABLE = new Set(["EIO", "EBADMSG", "EUCLEAN", "EISDIR", "EACCES", "EPERM"]);

/** Other errors, such as too many open files, say nothing about the file and stay as they are. */
export function explainReadError(error: unknown, path: string): unknown {
  if (!UNREADABLE.has(errnoOf(error) ?? "")) return error;
  return damaged(path, `could not be read: ${messageOf(error)}`, error);
}

/** `what` follows the path in the message. */
export function damaged(path: string, what: string, cause?: unknown): BoxkiteError {
  return new BoxkiteError("OBJECT_DAMAGED", `${path} ${what}`, {
    cause,
    hint: "restore it from a backup, or delete the object",
  });
}

export function isDamage(error: unknown): error is BoxkiteError {
  return error instanceof BoxkiteError && error.code === "OBJECT_DAMAGED";
}
