/**
 * Compiled modules for one image. An image compiles for itself only: what it returns is code, and another team's
 * containers must not run it. So each image gets a directory of its own, with links to the files of the runtime.
 */
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, link, mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf } from "../lib/errno.ts";
import type { Clock } from "../lib/clock.ts";
import { markUsed, removeUnused } from "../lib/unused.ts";
import { PACKAGES_DIRECTORY } from "./manifest.ts";
import { COMPILED_DIRECTORY, type PythonRuntime } from "./runtime-store.ts";
import { readZip, type ZipFile } from "./zip.ts";

/** An image that returns more than this gets nothing. An action uses 600 modules with 6 MB. */
const MAX_FILES = 5_000;
const MAX_BYTES = 64 * 1024 * 1024;
const COMPILED = /^((?:[\w-]+\/)*)__pycache__\/(\w+)\.cpython-3\d\d\.(?:opt-[12]\.)?pyc$/u;
/** File systems without hard links, or a file with too many. */
const NO_LINKS = ["EPERM", "EXDEV", "EMLINK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

/** The directory to mount for an image: with its compiled modules where there are some, else the runtime itself. */
export async function compiledRuntime(
  runtime: PythonRuntime,
  imageDigest: string,
  clock: Clock,
): Promise<string> {
  const compiled = directoryFor(runtime, imageDigest);
  if (!existsSync(compiled)) return runtime.directory;
  await markUsed(compiled, clock);
  return compiled;
}

/** Makes it, and returns the directory to mount. What is not a module of the runtime is left out. */
export async function addBytecode(
  runtime: PythonRuntime,
  imageDigest: string,
  archive: Buffer,
  clock: Clock,
): Promise<string> {
  const target = directoryFor(runtime, imageDigest);
  const compiled = compiledFiles(archive);
  if (compiled.length === 0 || existsSync(target)) return compiledRuntime(runtime, imageDigest, clock);
  await removeUnused(dirname(target), clock);
  const unfinished = `${target}.${randomBytes(6).toString("hex")}`;
  try {
    await linkTree(runtime.directory, unfinished);
    for (const file of compiled) {
      const source = file.name.replace(COMPILED, "$1$2.py");
      const path = join(unfinished, PACKAGES_DIRECTORY, file.name);
      if (!existsSync(join(unfinished, PACKAGES_DIRECTORY, source))) continue;
      await makeReadable(dirname(path));
      await writeFile(path, await file.read());
      await chmod(path, 0o644);
    }
    await rename(unfinished, target);
  } catch (error) {
    // Another process was faster, or it does without.
    if (!["ENOTEMPTY", "EEXIST", ...NO_LINKS].includes(errnoOf(error) ?? "")) throw error;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return compiledRuntime(runtime, imageDigest, clock);
}

function directoryFor(runtime: PythonRuntime, imageDigest: string): string {
  const image = createHash("sha256").update(imageDigest).digest("hex").slice(0, 16);
  return join(dirname(runtime.directory), COMPILED_DIRECTORY, `${runtime.name}-${image}`);
}

/** None where the archive is not one, or too large. */
function compiledFiles(archive: Buffer): ZipFile[] {
  let files: ZipFile[];
  try {
    files = readZip(archive);
  } catch {
    return [];
  }
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  if (files.length > MAX_FILES || bytes > MAX_BYTES) return [];
  return files.filter(({ name, isSymbolicLink }) => COMPILED.test(name) && !isSymbolicLink);
}

async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    await (entry.isDirectory() ? linkTree(source, target) : link(source, target));
  }
}

async function makeReadable(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await chmod(directory, 0o755);
}
