/** Says in words why the directory of the Python runtimes cannot be written. */
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import { errnoOf } from "../lib/errno.ts";

const DISK_IS_FULL = ["ENOSPC", "EDQUOT"];
const UNUSABLE = ["EROFS", "EACCES", "EPERM", "EIO", "ENOTDIR"];

/** DISK_FULL or DATA_DIRECTORY_UNUSABLE; other errors stay as they are. */
export function explainDirectory(error: unknown, directory: string): unknown {
  const errno = errnoOf(error) ?? "";
  if (error instanceof BoxkiteError || ![...DISK_IS_FULL, ...UNUSABLE].includes(errno)) return error;
  if (DISK_IS_FULL.includes(errno)) {
    return new BoxkiteError(
      "DISK_FULL",
      `the Python runtime does not fit into ${directory}: its disk is full`,
      {
        cause: error,
        hint: `a runtime takes up to 200 MB; free some space: df -h ${directory}`,
      },
    );
  }
  return new BoxkiteError(
    "DATA_DIRECTORY_UNUSABLE",
    `the Python runtime cannot be written to ${directory}: ${messageOf(error)}`,
    {
      cause: error,
      hint: "let the user of this program write there, or name another data directory with --data",
    },
  );
}
