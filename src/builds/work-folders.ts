/** The folders that builds work in: one each, and what is left of those whose server died. */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { stopBuildersIn } from "../lib/process-group.ts";
import { isAlive } from "../lib/process-table.ts";

const PREFIX = "build-";

/** For this user alone: secrets of the build lie there. */
export async function createWorkFolder(workDir: string): Promise<string> {
  await mkdir(workDir, { recursive: true, mode: 0o700 });
  return await mkdtemp(join(workDir, `${PREFIX}${process.pid}-`));
}

export async function removeWorkFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

/** Ends what still builds for a server that died, and removes its folders. */
export async function removeLeftFolders(workDir: string): Promise<void> {
  for (const name of await readdir(workDir).catch(() => [])) {
    if (!(await isLeft(name))) continue;
    const folder = join(workDir, name);
    await stopBuildersIn(folder);
    await removeWorkFolder(folder);
  }
}

/** A folder tells by its name who works in it: `boxkite images build` may run beside a server. */
async function isLeft(name: string): Promise<boolean> {
  const owner = /^build-(\d+)-/.exec(name)?.[1];
  return owner !== undefined && (Number(owner) === process.pid || (await isAlive(Number(owner))) === false);
}
