/**
 * Reads files of a directory in which code of a task can write: a link there leads nowhere, or a container could read files of
 * this machine.
 */
import { constants } from "node:fs";
import { open, readlink, type FileHandle } from "node:fs/promises";
import { errnoOf } from "../../lib/errno.ts";

/** `path`: without links. Throws what `open` throws; ENOENT as well for what is no file, or lies elsewhere than its path says. */
export async function openOwnFile(path: string): Promise<FileHandle> {
  // A pipe that nobody writes to would block.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: unknown) => {
      throw errnoOf(error) === "ELOOP" ? notThere(path) : error;
    },
  );
  const isOwn = (await file.stat()).isFile() && (await liesAt(file, path));
  if (isOwn) return file;
  await file.close();
  throw notThere(path);
}

/** The text of a small file; undefined where it is not there, or too large. */
export async function readOwnFile(path: string, mostBytes: number): Promise<string | undefined> {
  let file: FileHandle;
  try {
    file = await openOwnFile(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const buffer = Buffer.alloc(mostBytes + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return bytesRead > mostBytes ? undefined : buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Work in a directory by a path that stays its own whatever happens to its name. Throws ENOENT for what is none, or lies elsewhere. */
export async function inOwnDirectory<T>(
  path: string,
  work: (ownPath: string, handle: FileHandle) => Promise<T>,
): Promise<T> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const handle = await open(path, flags).catch((error: unknown) => {
    throw ["ELOOP", "ENOTDIR"].includes(errnoOf(error) ?? "") ? notThere(path) : error;
  });
  try {
    if (!(await liesAt(handle, path))) throw notThere(path);
    return await work(`/proc/self/fd/${handle.fd}`, handle);
  } finally {
    await handle.close();
  }
}

/** A directory of the path may have been replaced by a link: where the file lies, only the kernel knows. */
async function liesAt(file: FileHandle, path: string): Promise<boolean> {
  // Linux only, as are engines that share directories with this machine.
  return (await readlink(`/proc/self/fd/${file.fd}`)) === path;
}

function notThere(path: string): Error {
  return Object.assign(new Error(`${path} is no file`), { code: "ENOENT" });
}
