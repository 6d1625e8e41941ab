/**
 * Lines in a file that outlive a failure of the machine once they are synced. The file has its size from the beginning, so that a
 * line costs one write to the disk and nothing of the file system, and those that come together share it.
 */
import { closeSync, fdatasync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { errnoOf } from "../../lib/errno.ts";

const SIZE_BYTES = 256 * 1024;
/** What follows the last line. */
const FREE = 0;

const syncData = promisify(fdatasync);

export class Journal {
  readonly #path: string;
  readonly #current: () => readonly string[];
  #used = 0;
  #size = 0;
  #syncing: Promise<void> = Promise.resolve();
  #nextSync: Promise<void> | undefined;

  /** `current`: the lines that still matter, which replace all before them where the file is full. */
  constructor(path: string, current: () => readonly string[]) {
    this.#path = path;
    this.#current = current;
  }

  /** Of a file that another one has written; the last line may not be whole. */
  static linesOf(path: string): readonly string[] {
    let bytes: Buffer;
    try {
      bytes = readFileSync(path);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return [];
      throw error;
    }
    const end = bytes.indexOf(FREE);
    const lines = bytes.toString("utf8", 0, end === -1 ? bytes.length : end).split("\n");
    return lines.filter((line) => line !== "");
  }

  /** Into the kernel's cache: that takes microseconds, and twenty times as long by another thread. */
  add(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    if (this.#used + bytes.length > this.#size) this.#rewrite(bytes.length);
    try {
      write(this.#path, "r+", bytes, this.#used);
    } catch (error) {
      // The next one makes the file anew.
      this.#size = 0;
      throw error;
    }
    this.#used += bytes.length;
  }

  /** Resolves when all lines that were added are on the disk. */
  synced(): Promise<void> {
    const sync = () => {
      this.#nextSync = undefined;
      return (this.#syncing = this.#sync());
    };
    return (this.#nextSync ??= this.#syncing.then(sync, sync));
  }

  async #sync(): Promise<void> {
    const file = openSync(this.#path, "r+");
    try {
      await syncData(file);
    } finally {
      closeSync(file);
    }
  }

  #rewrite(neededBytes: number): void {
    // Where this fails halfway, it is not known which file is there: the next line makes it anew.
    this.#size = 0;
    const lines = Buffer.from(
      this.#current()
        .map((line) => `${line}\n`)
        .join(""),
    );
    const content = Buffer.alloc(Math.max(SIZE_BYTES, 2 * (lines.length + neededBytes)), FREE);
    lines.copy(content);
    const aside = `${this.#path}.tmp`;
    write(aside, "w", content, 0, fsyncSync);
    renameSync(aside, this.#path);
    const directory = openSync(dirname(this.#path), "r");
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
    this.#used = lines.length;
    this.#size = content.length;
  }
}

function write(
  path: string,
  flags: "r+" | "w",
  bytes: Uint8Array,
  position: number,
  sync?: (file: number) => void,
): void {
  const file = openSync(path, flags, 0o600);
  try {
    for (let written = 0; written < bytes.length;)
      written += writeSync(file, bytes, written, bytes.length - written, position + written);
    sync?.(file);
  } finally {
    closeSync(file);
  }
}
