/** Makes a runtime beside its place and renames it, so that what has its name is whole. */
import { randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import type { Clock } from "../lib/clock.ts";
import { errnoOf, orAbsent } from "../lib/errno.ts";
import type { FetchWheel } from "./fetch-wheel.ts";
import type { Lock, LockedWheel } from "./lock.ts";
import { readManifest, PACKAGES_DIRECTORY, writeManifest, type RuntimePackage } from "./manifest.ts";
import { modulesOf } from "./modules.ts";
import { unpackWheel } from "./unpack-wheel.ts";

export interface FetchOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called for each wheel that is installed. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined;
}

const AT_A_TIME = 4;
const UNFINISHED = ".unfinished-";
/** What was begun so long ago was left by a process that was killed. */
const LEFT_MS = 3_600_000;

/** Several processes may do it at once. Throws RUNTIME_FETCH_FAILED, or the file system's error. */
export async function makeRuntime(
  lock: Lock,
  target: string,
  fetchWheel: FetchWheel,
  clock: Clock,
  options: FetchOptions,
): Promise<void> {
  const parent = dirname(target);
  // A data directory that is made here is for its owner alone.
  await mkdir(parent, { recursive: true, mode: 0o700 });
  await removeLeft(parent, clock);
  const unfinished = join(parent, `${UNFINISHED}${randomBytes(6).toString("hex")}`);
  try {
    await makeReadable(unfinished);
    await makeReadable(join(unfinished, PACKAGES_DIRECTORY));
    const packages = await install(lock, join(unfinished, PACKAGES_DIRECTORY), fetchWheel, options);
    await writeManifest(unfinished, Object.fromEntries(packages));
    await moveTo(target, unfinished);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function install(
  { wheels }: Lock,
  directory: string,
  fetchWheel: FetchWheel,
  { signal, onProgress }: FetchOptions,
): Promise<[string, RuntimePackage][]> {
  const failed = new AbortController();
  const stop = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])]);
  const waiting = wheels.values();
  const packages: [string, RuntimePackage][] = [];
  const installAll = async (): Promise<void> => {
    // Each worker takes the next one: they share the iterator.
    for (const wheel of waiting) {
      stop.throwIfAborted();
      const modules = modulesOf(await unpack(wheel, await fetchWheel(wheel, stop), directory));
      packages.push([wheel.name, { version: wheel.version, modules }]);
      onProgress?.({ done: packages.length, total: wheels.length });
    }
  };
  const workers = Array.from({ length: AT_A_TIME }, () =>
    installAll().catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  // The directory is not removed beneath one that still writes.
  await Promise.allSettled(workers);
  if (failed.signal.aborted) throw failed.signal.reason;
  return packages.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

async function unpack(wheel: LockedWheel, content: Buffer, directory: string): Promise<string[]> {
  try {
    return await unpackWheel(content, directory);
  } catch (error) {
    // Errors of the file system are not about the wheel.
    if (errnoOf(error) !== undefined && errnoOf(error) !== "EEXIST") throw error;
    throw new BoxkiteError("RUNTIME_FETCH_FAILED", `${wheel.file} cannot be unpacked: ${messageOf(error)}`, {
      cause: error,
      hint: "the file is the one of the lock, so this is a fault of Boxkite: please report it",
    });
  }
}

async function moveTo(target: string, unfinished: string): Promise<void> {
  if (await renamed(unfinished, target)) return;
  // Another process was faster, or it is one that a power failure damaged.
  if ((await readManifest(target)) !== undefined) return;
  const damaged = `${unfinished}-damaged`;
  await rename(target, damaged);
  await rm(damaged, { recursive: true, force: true });
  await renamed(unfinished, target);
}

/** False where the target exists. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (["ENOTEMPTY", "EEXIST"].includes(errnoOf(error) ?? "")) return false;
    throw error;
  }
}

async function removeLeft(parent: string, clock: Clock): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(UNFINISHED)) continue;
    const path = join(parent, name);
    const made = await orAbsent(stat(path));
    if (made !== undefined && made.mtimeMs < clock.now() - LEFT_MS)
      await rm(path, { recursive: true, force: true });
  }
}

/** By containers that run as any user, whatever the umask is. */
async function makeReadable(directory: string): Promise<void> {
  await mkdir(directory);
  await chmod(directory, 0o755);
}
