/** What the directory of a worker says of an attempt in it: see domain/worker-protocol.ts. Code of tasks can write in it. */
import { fchmodSync, mkdirSync, lstatSync, unlinkSync } from "node:fs";
import { rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RESULT_FILES } from "../../domain/outputs.ts";
import { errnoOf } from "../../lib/errno.ts";
import { inOwnDirectory, inOwnDirectoryUntilDone, readOwnFile } from "../output/own-file.ts";

/** A code has at most three digits. */
const CODE_BYTES = 16;
const REASON_BYTES = 4096;
/** Every user of an image. */
const FOR_ALL = 0o777;
const FILES: readonly string[] = ["stdout", "stderr", "exit", "unstarted", ...RESULT_FILES];

/**
 * All but the removal of a directory is done at once, as in own-file.ts; promises, since an error is a rejection to those who have
 * to go on after it.
 */
export class AttemptFiles {
  readonly path: string;

  /** `directory`: of the worker. No directory of its path may be a link, or nothing in it is taken for its own. */
  constructor(directory: string, id: string) {
    this.path = join(directory, "attempts", id);
  }

  /** Throws EEXIST where it is there already: an earlier attempt may have put results in it. */
  async create(): Promise<void> {
    try {
      this.#make();
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
      this.#makeParent();
      this.#make();
    }
    inOwnDirectory(this.path, (_, descriptor) => fchmodSync(descriptor, FOR_ALL));
  }

  #make(): void {
    inOwnDirectory(dirname(this.path), (parent) => mkdirSync(join(parent, basename(this.path))));
  }

  /** For the first attempt of a worker, or where code of a task has removed it. What that has put in its place stays: EEXIST. */
  #makeParent(): void {
    const attempts = dirname(this.path);
    mkdirSync(attempts);
    inOwnDirectory(attempts, (_, descriptor) => fchmodSync(descriptor, FOR_ALL));
  }

  /** Undefined: it is not over, or its worker was ended with it. */
  async exitCode(): Promise<number | undefined> {
    const path = join(this.path, "exit");
    if (!isThere(path)) return undefined;
    const text = readOwnFile(path, CODE_BYTES);
    return text !== undefined && /^\d{1,3}\s*$/u.test(text) ? Number(text) : undefined;
  }

  /** Why it is over although no code of the task ran; undefined where some may have. */
  async unstarted(): Promise<string | undefined> {
    const path = join(this.path, "unstarted");
    if (!isThere(path)) return undefined;
    // Where it cannot be read, no worker made it so, and what else is there is not to be believed.
    return readOwnFile(path, REASON_BYTES) ?? "why cannot be read";
  }

  /** What else is in there goes with the worker: while that runs, no directory below is safe to descend into. */
  async remove(): Promise<void> {
    try {
      inOwnDirectory(this.path, (path) => {
        // Its directory is not listed: code of the task may have made any number of files.
        for (const name of FILES) removeFile(join(path, name));
      });
      // The file system may hold this up for longer than all of the above.
      const remove = (parent: string) => rmdir(join(parent, basename(this.path)));
      await inOwnDirectoryUntilDone(dirname(this.path), remove);
    } catch (error) {
      if (!LEFT.has(errnoOf(error) ?? "")) throw error;
    }
  }
}

/** Most are not there when they are looked for, and an error takes several times as long to be made as this. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function removeFile(path: string): void {
  try {
    if (!isThere(path)) return;
    unlinkSync(path);
  } catch {
    // It stays, and its directory with it: code of the task may have made it a directory.
  }
}

/** Where it is gone, or code of a task keeps something else in it. */
const LEFT: ReadonlySet<string> = new Set(["ENOENT", "ENOTEMPTY"]);
