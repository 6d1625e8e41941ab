/**
 * `format` in a directory of objects says that there is a database of small objects. SQLite makes a file that is missing, so
 * without it a database that was lost would come back empty. Directories of earlier versions, and new ones, have none yet.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BoxkiteError } from "../../domain/errors.ts";
import type { FileArea } from "./file-area.ts";

export const FORMAT_FILE = "format";
/** 1 was a directory of files alone. */
const FORMAT = 2;

/** `database`: name of the file in the directory. Throws DATA_DIRECTORY_UNUSABLE where it is missing, or the format is a newer one. */
export function checkFormat(directory: string, database: string): void {
  const path = join(directory, FORMAT_FILE);
  if (!existsSync(path)) return;
  const format = Number(readFileSync(path, "utf8"));
  if (format !== FORMAT)
    throw new BoxkiteError(
      "DATA_DIRECTORY_UNUSABLE",
      `the objects in ${directory} were not written by this version: ${path} does not say ${FORMAT}`,
      { hint: "run the version that wrote them, or name another data directory with --data" },
    );
  if (existsSync(join(directory, database))) return;
  throw new BoxkiteError(
    "DATA_DIRECTORY_UNUSABLE",
    `the database of small objects ${join(directory, database)} is missing`,
    {
      hint: `restore ${directory} from a backup; to go on without what it held, remove ${path}`,
    },
  );
}

/** To be called once the database is there. */
export async function markFormat(directory: string, area: FileArea): Promise<void> {
  const path = join(directory, FORMAT_FILE);
  if (!existsSync(path)) await area.writeSmall(path, `${FORMAT}\n`);
}
