/** The programs that the interpreters of images run, in a directory that can be mounted. */
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, glob, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { errnoOf } from "../lib/errno.ts";
import { once } from "../lib/once.ts";
import { markUsed } from "../lib/unused.ts";

const SOURCE = join(import.meta.dirname, "programs");

/** They do not change while this process runs. */
const readPrograms = once(async () => {
  const paths = (await Array.fromAsync(glob("**/*.py", { cwd: SOURCE }))).toSorted();
  const files = await Promise.all(
    paths.map(async (path) => ({ path, content: await readFile(join(SOURCE, path)) })),
  );
  const hash = createHash("sha256");
  for (const { path, content } of files) hash.update(`${path}\n${content.length}\n`).update(content);
  return { files, hash: hash.digest("hex").slice(0, 12) };
});

/**
 * Copies them below the data directory, which engines in a virtual machine can mount; this package they may not. One
 * version's copy is never changed: containers have it mounted.
 */
export async function placePrograms(directory: string, clock: Clock): Promise<string> {
  const { files, hash } = await readPrograms();
  const target = join(directory, `programs-${hash}`);
  if (existsSync(target)) {
    await markUsed(target, clock);
    return target;
  }
  const unfinished = `${target}.${randomBytes(6).toString("hex")}`;
  try {
    for (const { path, content } of files) {
      const file = join(unfinished, path);
      await mkdir(dirname(file), { recursive: true });
      await chmod(dirname(file), 0o755);
      await writeFile(file, content);
      await chmod(file, 0o644);
    }
    await chmod(unfinished, 0o755);
    await rename(unfinished, target);
  } catch (error) {
    // Another process was faster.
    if (!["ENOTEMPTY", "EEXIST"].includes(errnoOf(error) ?? "")) throw error;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return target;
}
