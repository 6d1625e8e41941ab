/**
 * Notices that the file of a database is no longer at its path. SQLite goes on with the file that it has open: what it
 * then reads is out of date, and what it writes is lost when the process ends.
 */
import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { BoxkiteError } from "../domain/errors.ts";
import type { NamedFile } from "./sqlite-error.ts";

/**
 * To be called once the database has been read, which makes its write-ahead log. What it returns throws
 * DATA_DIRECTORY_UNUSABLE, and checks once in a turn of the event loop, however often it is called.
 */
export function createFileGuard({ file, name }: NamedFile): () => void {
  if (file === ":memory:") return () => {};
  const files = [file, `${file}-wal`]
    .map((path) => ({ path, identity: identityOf(path) }))
    .filter(({ identity }) => identity !== undefined);
  let isChecked = false;
  return () => {
    if (isChecked) return;
    for (const { path, identity } of files) {
      const found = identityOf(path);
      if (found !== identity) throw lost(name, path, found === undefined);
    }
    isChecked = true;
    setImmediate(() => (isChecked = false));
  };
}

function identityOf(path: string): string | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

function lost(name: string, path: string, isMissing: boolean): BoxkiteError {
  const directory = dirname(path);
  const what = existsSync(directory) ? `${name} ${path}` : `the data directory ${directory}`;
  const happened = isMissing ? "removed or moved" : "replaced by another file";
  return new BoxkiteError(
    "DATA_DIRECTORY_UNUSABLE",
    `${what} was ${happened} while the server was running; nothing is read or stored any more`,
    {
      hint: `if it was moved, move it back; otherwise stop the server, restore ${directory} from a backup, and start the server again`,
    },
  );
}
