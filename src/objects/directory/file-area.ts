/** Atomic, durable files: written and synced aside, then renamed into place. */
import { randomUUID } from "node:crypto";
import { closeSync, fsync, mkdirSync, openSync, renameSync, statSync } from "node:fs";
import { rename, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { ObjectBody } from "../hosted-store.ts";
import { createDirectorySync, type SyncDirectory } from "./directory-sync.ts";
import type { Sealing } from "./encryption.ts";
import { errnoOf } from "../../lib/errno.ts";
import { FREED_AT_ONCE_BYTES } from "../../lib/remove-tree.ts";
import { writeFully } from "../../lib/write-fully.ts";
import { explainWriteError } from "./io-error.ts";
import { parentsBelow } from "./key-path.ts";
import { encodeTrailer, type Description } from "./object-file.ts";
import { ContentWriter, type WrittenContent } from "./written-content.ts";

/** Chunks are gathered to this size, so that small ones do not cost a system call each. */
const WRITE_BYTES = 1 << 20;
/** A block of most file systems: an empty file needs no space. */
const PROBE_BYTES = 4096;
/** Deletes that empty a directory and writes that need it alternate; each round is one that lost to a delete. */
const MOST_ATTEMPTS = 1_000;

const syncFile = promisify(fsync);

/**
 * What only changes the kernel's cache is done by this thread, which takes a few microseconds; what waits for the disk is left to
 * others.
 */
export class FileArea {
  readonly #root: string;
  readonly #temporary: string;
  readonly #checkPresence: () => void;
  readonly #sync: SyncDirectory = createDirectorySync();

  /** Both directories exist and are in one file system. `checkPresence` fails where one that should be there is not. */
  constructor(root: string, temporary: string, checkPresence: () => void) {
    this.#root = root;
    this.#temporary = temporary;
    this.#checkPresence = checkPresence;
  }

  /**
   * Writes and syncs a file aside and gives its path; on any failure nothing is left. `describe` is
   * called after the last byte and may throw to refuse the content. `sealing` encrypts it.
   */
  writeAside(
    body: ObjectBody,
    describe: (written: WrittenContent) => Description,
    sealing?: Sealing,
  ): Promise<string> {
    return this.#aside(async (file) => {
      await writeBody(file, body, sealing, (written) => encodeTrailer(describe(written), written, sealing));
    });
  }

  /** Moves a file that was written aside into place. */
  async place(temporary: string, target: string): Promise<void> {
    try {
      await this.#renameInto(temporary, target);
      await this.#sync(dirname(target));
    } catch (error) {
      await rm(temporary, { force: true });
      throw explainWriteError(error, this.#root);
    }
  }

  /** Removes the file that was written aside if the work fails that decides about it. */
  async orRemove<T>(temporary: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** Writes a small file beside the objects atomically. */
  async writeSmall(target: string, content: string): Promise<void> {
    await this.place(await this.#aside((file) => writeFully(file, Buffer.from(content))), target);
  }

  /** Fails as a write does that is impossible at the moment. */
  async probe(): Promise<void> {
    await rm(await this.#aside((file) => writeFully(file, Buffer.alloc(PROBE_BYTES))));
  }

  /** Also removes the directories that become empty below `top`. */
  async remove(path: string, top: string): Promise<void> {
    try {
      await rm(path, { force: true });
      await this.#sync(dirname(path));
    } catch (error) {
      throw explainWriteError(error, this.#root);
    }
    for (const parent of parentsBelow(top, path)) {
      if (!(await removeIfEmpty(parent))) return;
    }
  }

  async #aside(fill: (file: number) => Promise<void>): Promise<string> {
    const path = join(this.#temporary, randomUUID());
    try {
      const file = openSync(path, "wx");
      try {
        await fill(file);
        await syncFile(file);
      } finally {
        closeSync(file);
      }
      return path;
    } catch (error) {
      await rm(path, { force: true });
      throw explainWriteError(error, this.#root);
    }
  }

  async #renameInto(temporary: string, target: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        // Asked first, since most objects are the first in their directory, and a rename that fails takes ten times as long.
        if (attempt > 1 || statSync(dirname(target), { throwIfNoEntry: false }) === undefined) {
          // Making a directory makes those above it, too: not the ones that were removed with all that they held.
          this.#checkPresence();
          await this.#makeDirectory(dirname(target));
        }
        // What is replaced is freed within it.
        const replaced = statSync(target, { throwIfNoEntry: false })?.size ?? 0;
        if (replaced > FREED_AT_ONCE_BYTES) return await rename(temporary, target);
        return renameSync(temporary, target);
      } catch (error) {
        // The directory is not there yet, or a delete took it, or one above it, away because it was empty.
        if (errnoOf(error) !== "ENOENT" || attempt === MOST_ATTEMPTS) throw error;
      }
    }
  }

  async #makeDirectory(directory: string): Promise<void> {
    const first = mkdirSync(directory, { recursive: true });
    if (first === undefined) return;
    // Each new directory is a name in the one above it.
    for (let made = directory; made.length >= first.length; made = dirname(made))
      await this.#sync(dirname(made));
  }
}

/** `end`: what follows the content. */
async function writeBody(
  file: number,
  body: ObjectBody,
  sealing: Sealing | undefined,
  end: (written: WrittenContent) => Uint8Array,
): Promise<void> {
  const content = new ContentWriter(sealing);
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  const flush = async (): Promise<void> => {
    const chunks = pending;
    pending = [];
    pendingBytes = 0;
    const [first] = chunks;
    if (first !== undefined) await writeFully(file, chunks.length === 1 ? first : Buffer.concat(chunks));
  };
  for await (const chunk of body instanceof Uint8Array ? [body] : body) {
    pending.push(content.add(chunk));
    pendingBytes += chunk.length;
    if (pendingBytes >= WRITE_BYTES) await flush();
  }
  pending.push(end(content.end()));
  await flush();
}

async function removeIfEmpty(directory: string): Promise<boolean> {
  try {
    await rmdir(directory);
    return true;
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOENT") return false;
    throw error;
  }
}
