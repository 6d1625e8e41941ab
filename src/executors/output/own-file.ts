/**
 * Reads files of a directory in which code of a task can write: a link there leads nowhere, or a container could read files of
 * this machine. What is small is done at once, not by other threads, which takes some twenty times as long.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync } from "node:fs";
import { open, readlink, type FileHandle } from "node:fs/promises";
import { errnoOf } from "../../lib/errno.ts";
import type { ReadableFile } from "../../lib/readable-file.ts";
import { readAtOnce } from "./read-at-once.ts";

/** A pipe that nobody writes to would block. */
const OWN_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const OWN_DIRECTORY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_DIRECTORY;

/** `path`: without links. Throws what `open` throws; ENOENT as well for what is no file, or lies elsewhere than its path says. */
export async function openOwnFile(path: string): Promise<FileHandle> {
  const file = await open(path, OWN_FILE).catch((error: unknown) => {
    throw errnoOf(error) === "ELOOP" ? notThere(path) : error;
  });
  const isOwn = (await file.stat()).isFile() && (await readlink(pathOf(file.fd))) === path;
  if (isOwn) return file;
  await file.close();
  throw notThere(path);
}

/** The text of a small file; undefined where it is not there, or too large. */
export function readOwnFile(path: string, mostBytes: number): string | undefined {
  return readOwnBytes(path, mostBytes)?.toString("utf8");
}

/** The same of one whose content is no text. */
export function readOwnBytes(path: string, mostBytes: number): Buffer | undefined {
  let file: number;
  try {
    file = openOwn(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const buffer = Buffer.allocUnsafe(mostBytes + 1);
    const bytesRead = readSync(file, buffer, 0, buffer.length, 0);
    return bytesRead > mostBytes ? undefined : buffer.subarray(0, bytesRead);
  } finally {
    closeSync(file);
  }
}

/** As `openOwnFile`, for a file that was written a moment ago. */
export async function openOwnFileAtOnce(path: string): Promise<ReadableFile> {
  return readAtOnce(openOwn(path));
}

function openOwn(path: string): number {
  let file: number;
  try {
    file = openSync(path, OWN_FILE);
  } catch (error) {
    throw errnoOf(error) === "ELOOP" ? notThere(path) : error;
  }
  try {
    if (fstatSync(file).isFile() && liesAt(file, path)) return file;
    throw notThere(path);
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** Work in a directory by a path that stays its own whatever happens to its name. Throws ENOENT for what is none, or lies elsewhere. */
export function inOwnDirectory<T>(path: string, work: (ownPath: string, descriptor: number) => T): T {
  const directory = openOwnDirectory(path);
  try {
    return work(pathOf(directory), directory);
  } finally {
    closeSync(directory);
  }
}

/** The same for work by other threads. */
export async function inOwnDirectoryUntilDone(
  path: string,
  work: (ownPath: string) => Promise<void>,
): Promise<void> {
  const directory = openOwnDirectory(path);
  try {
    await work(pathOf(directory));
  } finally {
    closeSync(directory);
  }
}

function openOwnDirectory(path: string): number {
  let directory: number;
  try {
    directory = openSync(path, OWN_DIRECTORY);
  } catch (error) {
    throw ["ELOOP", "ENOTDIR"].includes(errnoOf(error) ?? "") ? notThere(path) : error;
  }
  try {
    if (liesAt(directory, path)) return directory;
    throw notThere(path);
  } catch (error) {
    closeSync(directory);
    throw error;
  }
}

/** A directory of the path may have been replaced by a link: where the file lies, only the kernel knows. */
function liesAt(descriptor: number, path: string): boolean {
  return readlinkSync(pathOf(descriptor)) === path;
}

/** Linux only, as are engines that share directories with this machine. */
function pathOf(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}

function notThere(path: string): Error {
  return Object.assign(new Error(`${path} is no file`), { code: "ENOENT" });
}
