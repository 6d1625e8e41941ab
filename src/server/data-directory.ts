/** The directory that holds all state: only its owner may read it, and one server at a time uses it. */
import { chmod, mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import { lockDirectory } from "./directory-lock.ts";
import { hasStore, STORE_FILE } from "./store-file.ts";

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
 * store is missing.
 */
export async function openDataDirectory(path: string | undefined): Promise<DataDirectory> {
  const directory = path === undefined ? await mkdtemp(join(tmpdir(), "boxkite-")) : resolve(path);
  await makePrivate(directory).catch((error: unknown) => {
    if (error instanceof BoxkiteError) throw error;
    throw new BoxkiteError(
      "DATA_DIRECTORY_UNUSABLE",
      `cannot make the data directory ${directory}: ${messageOf(error)}`,
      { hint: "name another one with --data", cause: error },
    );
  });
  const unlock = await lockDirectory(directory);
  try {
    await hasStore(directory);
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

/** Whoever reads it can sign requests for every object. */
async function makePrivate(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if (((await stat(directory)).mode & 0o077) === 0) return;
  const inside = await readdir(directory);
  // Not if other programs use it, too, such as /tmp.
  if (inside.length === 0 || inside.includes(STORE_FILE)) return chmod(directory, 0o700);
  throw new BoxkiteError(
    "DATA_DIRECTORY_UNUSABLE",
    `the directory ${directory} has other files in it, and other users can read it`,
    { hint: `name another one with --data, or chmod 700 ${directory}` },
  );
}
