/** The programs that the interpreters of images run, in a directory that can be mounted. */
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { errnoOf } from "../lib/errno.ts";
import { markUsed } from "./unused.ts";

const SOURCE = join(import.meta.dirname, "programs");
const NAMES = ["boot.py", "check.py", "probe.py"];

/**
 * Copies them below the data directory, which engines in a virtual machine can mount; this package they may not. One
 * version's copy is never changed: containers have it mounted.
 */
export async function placePrograms(directory: string, clock: Clock): Promise<string> {
  const contents = await Promise.all(NAMES.map((name) => readFile(join(SOURCE, name))));
  const hash = createHash("sha256");
  for (const content of contents) hash.update(content);
  const target = join(directory, `programs-${hash.digest("hex").slice(0, 12)}`);
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
