/** The programs that the interpreters of images run, in a directory that can be mounted. */
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { errnoOf } from "../lib/errno.ts";
import { once } from "../lib/once.ts";
import { markUsed } from "../lib/unused.ts";

const SOURCE = join(import.meta.dirname, "programs");
const NAMES = ["boot.py", "check.py", "probe.py"];

/** They do not change while this process runs. */
const readPrograms = once(async () => {
  const contents = await Promise.all(NAMES.map((name) => readFile(join(SOURCE, name))));
  const hash = createHash("sha256");
  for (const content of contents) hash.update(content);
  return { contents, hash: hash.digest("hex").slice(0, 12) };
});

/**
 * Copies them below the data directory, which engines in a virtual machine can mount; this package they may not. One
 * version's copy is never changed: containers have it mounted.
 */
export async function placePrograms(directory: string, clock: Clock): Promise<string> {
  const { contents, hash } = await readPrograms();
  const target = join(directory, `programs-${hash}`);
  if (existsSync(target)) {
    await markUsed(target, clock);
    return target;
  }
  const unfinished = `${target}.${randomBytes(6).toString("hex")}`;
  try {
    await mkdir(unfinished, { recursive: true });
    await chmod(unfinished, 0o755);
    for (const [index, content] of contents.entries()) {
      const path = join(unfinished, NAMES[index] ?? "");
      await writeFile(path, content);
      await chmod(path, 0o644);
    }
    await rename(unfinished, target);
  } catch (error) {
    // Another process was faster.
    if (!["ENOTEMPTY", "EEXIST"].includes(errnoOf(error) ?? "")) throw error;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return target;
}
