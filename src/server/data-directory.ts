/** The directory that holds all state: only its owner may read it, and one server at a time uses it. */
import { chmod, mkdtemp, readdir, rm, stat, statfs } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { BoxkiteError } from "../domain/errors.ts";
import { createDirectory, explainDirectory } from "./create-directory.ts";
import { lockDirectory } from "./directory-lock.ts";
import { hasStore, STORE_FILE } from "./store-file.ts";

/** What a new store takes at least, with its write-ahead log. */
const NEW_STORE_BYTES = 2 * 1024 * 1024;

export interface DataDirectory {
  readonly path: string;
  readonly ephemeral: boolean;
  /** Unlocks it; an ephemeral one is removed. */
  close(): Promise<void>;
}

export function defaultDataDirectory(env: NodeJS.ProcessEnv): string {
  return join(env["XDG_DATA_HOME"] || join(homedir(), ".local", "share"), "boxkite");
}

/**
 * Throws DATA_DIRECTORY_UNUSABLE when it cannot be made, others could read it, another server uses it, or its
 * store is missing; DISK_FULL when there is no space for a new store.
 */
export async function openDataDirectory(path: string | undefined): Promise<DataDirectory> {
  const directory = path === undefined ? await temporaryDirectory() : resolve(path);
  await makePrivate(directory).catch((error: unknown) => {
    throw explainDirectory(error, directory);
  });
  const unlock = await lockDirectory(directory);
  try {
    if (!(await hasStore(directory))) await checkSpace(directory);
  } catch (error) {
    await unlock();
    throw error;
  }
  return {
    path: directory,
    ephemeral: path === undefined,
    close: async () => {
      await unlock();
      if (path === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

async function temporaryDirectory(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), "boxkite-"));
  } catch (error) {
    throw explainDirectory(error, tmpdir(), "name another temporary directory in the variable TMPDIR");
  }
}

/** Whoever reads it can sign requests for every object. */
async function makePrivate(directory: string): Promise<void> {
  await createDirectory(directory, 0o700);
  if (((await stat(directory)).mode & 0o077) === 0) return;
  const inside = await readdir(directory);
  // Not if other programs use it, too, such as /tmp.
  if (inside.length === 0 || inside.includes(STORE_FILE)) return chmod(directory, 0o700);
  throw new BoxkiteError(
    "DATA_DIRECTORY_UNUSABLE",
    `the directory ${directory} has other files in it, and other users can read it`,
    { hint: "name a directory of its own with --data" },
  );
}

/** SQLite on a disk that is nearly full gives errors that do not name the cause. */
async function checkSpace(directory: string): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize >= NEW_STORE_BYTES) return;
  throw new BoxkiteError("DISK_FULL", `the data directory ${directory} cannot be used: its disk is full`, {
    hint: `free some space (df -h ${directory}), or name another directory with --data`,
  });
}
