/** The working folders of builds, and the removal of those whose server died. */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { orAbsent } from "../lib/errno.ts";
import { stopBuildersIn } from "../lib/process-group.ts";
import { isAlive } from "../lib/process-table.ts";

const PREFIX = "build-";

/** Accessible to this user only, because it holds the build's secrets. */
export async function createWorkFolder(workDir: string): Promise<string> {
  await mkdir(workDir, { recursive: true, mode: 0o700 });
  return await mkdtemp(join(workDir, `${PREFIX}${process.pid}-`));
}

export async function removeWorkFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

/** Stops builders that a dead server left running, and removes its folders. */
export async function removeAbandonedFolders(workDir: string): Promise<void> {
  for (const name of (await orAbsent(readdir(workDir))) ?? []) {
    if (!(await isAbandoned(name))) continue;
    const folder = join(workDir, name);
    await stopBuildersIn(folder);
    await removeWorkFolder(folder);
  }
}

/** A folder's name has the pid of its owner, because `boxkite images build` may run beside a server. */
async function isAbandoned(name: string): Promise<boolean> {
  const owner = /^build-(\d+)-/.exec(name)?.[1];
  return owner !== undefined && (Number(owner) === process.pid || (await isAlive(Number(owner))) === false);
}
