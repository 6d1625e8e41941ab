/**
 * The object of each key: a row (small/) or a file (directory/). A row hides the file of its key. So there is one moment in
 * which a key changes from one to the other, the commit that makes or removes the row, and a crash leaves what was
 * before or after it:
 *
 *   a row over a file: the row is made, and the file marked as hidden, in one commit; the file is removed; the mark goes.
 *   a file over a row: the file is marked as hidden; it is put into its place; the row and the mark go in one commit.
 *   removal: a file that the row hides is removed; the row goes.
 *
 * What is left to do after the commit that decides is no failure of the change: a hidden file that could not be removed stays
 * marked, until the next change of the key or the next open, which removes those that a crash left, too. Each change is made
 * under the key's lock.
 */
import { rm } from "node:fs/promises";
import { createKeyLocks, type Lock } from "../lib/key-locks.ts";
import type { Logger } from "../lib/log.ts";
import type { FileArea } from "./directory/file-area.ts";
import type { Reading } from "./directory/file-bytes.ts";
import type { Description } from "./directory/object-file.ts";
import type { ObjectFiles } from "./directory/object-files.ts";
import type { FoundKey, Walk } from "./directory/walk.ts";
import { checkCondition } from "./directory/write-condition.ts";
import { findWritten } from "./directory/write-once.ts";
import type { OpenObject, StoredObject, WriteCondition } from "./hosted-store.ts";
import { mergeKeys } from "./merge-keys.ts";
import type { SmallObject } from "./small/small-object.ts";
import type { SmallObjects } from "./small/small-objects.ts";

/** What is written, and not yet the object of its key: a row to be made, or a file that lies aside. */
export type Written =
  | { readonly kind: "row"; readonly row: SmallObject }
  | { readonly kind: "file"; readonly temporary: string };

export interface Replacing {
  readonly condition?: WriteCondition | undefined;
  /** What was written, if it is to replace nothing. */
  readonly once?: StoredObject | undefined;
}

export interface StoredObjectsParts {
  readonly rows: SmallObjects;
  readonly files: ObjectFiles;
  readonly area: FileArea;
  readonly checkPresence: () => void;
  /** Gets a line for a hidden file that could not be removed. */
  readonly log: Logger;
}

export class StoredObjects {
  readonly #rows: SmallObjects;
  readonly #files: ObjectFiles;
  readonly #area: FileArea;
  readonly #checkPresence: () => void;
  readonly #log: Logger;
  /** Held while a key's object is replaced or removed, not while its content arrives. */
  readonly #lockKey: Lock = createKeyLocks();
  /** Of each listing under way: the keys whose object has changed from a row to a file or back since it began. */
  readonly #moved = new Set<Set<string>>();

  constructor({ rows, files, area, checkPresence, log }: StoredObjectsParts) {
    this.#rows = rows;
    this.#files = files;
    this.#area = area;
    this.#checkPresence = checkPresence;
    this.#log = log;
  }

  /** Removes the hidden files that a crash left. Their parts belong to uploads, which are recovered by themselves. */
  async recover(): Promise<void> {
    for (const key of this.#rows.hiddenFiles()) {
      try {
        if (this.#rows.has(key)) await this.#files.remove(key);
        await this.#rows.forgetFile(key);
      } catch (error) {
        this.#logLeft(key, error);
      }
    }
  }

  /** Fails with OBJECT_DAMAGED. */
  describe(key: string, reading: Reading = "asynchronous"): Promise<Description | undefined> {
    return this.#find(key, () => this.#describeNow(key, reading));
  }

  /** Fails with OBJECT_DAMAGED. */
  open(key: string): Promise<OpenObject | undefined> {
    return this.#find(key, () => this.#openNow(key));
  }

  /** In byte order. A key that has an object all the time is among them, whatever is written meanwhile. */
  async *keys(walk: Walk): AsyncGenerator<FoundKey> {
    const moved = new Set<string>();
    this.#moved.add(moved);
    try {
      const both = [this.#rows.keys(walk), this.#files.keys(walk)] as const;
      yield* mergeKeys(both, { walk, moved, find: (key) => this.describe(key) });
    } finally {
      this.#moved.delete(moved);
    }
  }

  /** Throws ConditionFailedError; returns the object that is kept instead of what was to be written once. */
  async replace(
    key: string,
    written: Written,
    { condition, once }: Replacing = {},
  ): Promise<StoredObject | undefined> {
    return this.#lockKey(key, async () => {
      try {
        const kept = once && (await findWritten(key, once, (of) => this.#openNow(of)));
        if (kept !== undefined) {
          await discard(written);
          return kept;
        }
        if (condition !== undefined)
          checkCondition(key, (await this.#describeNow(key, "small_at_once"))?.etag, condition);
        if (written.kind === "row") await this.#putRow(key, written.row);
        else await this.#putFile(key, written.temporary);
        return undefined;
      } catch (error) {
        await discard(written);
        throw error;
      }
    });
  }

  async remove(key: string): Promise<void> {
    await this.#lockKey(key, async () => {
      const isRow = this.#rows.has(key);
      const removeFile = () => this.#files.remove(key);
      // As in #putRow.
      if (this.#files.has(key)) await (isRow ? removeFile() : this.#files.replacing(key, removeFile));
      if (isRow) await this.#rows.remove(key);
    });
  }

  /** Fails as a write does that is impossible at the moment. */
  async check(): Promise<void> {
    this.#rows.check();
    await this.#area.probe();
  }

  close(): void {
    this.#rows.close();
  }

  async #putRow(key: string, row: SmallObject): Promise<void> {
    if (!this.#files.has(key)) {
      // Where the files are gone, the key may have had one.
      this.#checkPresence();
      return this.#rows.put(key, row, false);
    }
    const isHidden = this.#rows.has(key);
    this.#noteMove(key);
    const work = async (): Promise<void> => {
      await this.#rows.put(key, row, true);
      await this.#removeHidden(key);
    };
    // The parts that a hidden file names may belong to an upload that goes on.
    await (isHidden ? work() : this.#files.replacing(key, work));
  }

  async #removeHidden(key: string): Promise<void> {
    try {
      await this.#files.remove(key);
    } catch (error) {
      this.#logLeft(key, error);
      return;
    }
    // No answer waits for this commit; a later one of the same key comes after it.
    this.#rows.forgetFile(key).catch((error: unknown) => this.#logLeft(key, error));
  }

  #logLeft(key: string, error: unknown): void {
    this.#log.warn("the file of an object that was replaced is left, and hidden", { key, error });
  }

  async #putFile(key: string, temporary: string): Promise<void> {
    if (!this.#rows.has(key)) return this.#files.replacing(key, () => this.#files.place(key, temporary));
    this.#noteMove(key);
    await this.#rows.hideFile(key);
    await this.#files.place(key, temporary);
    await this.#rows.remove(key);
  }

  #noteMove(key: string): void {
    for (const moved of this.#moved) moved.add(key);
  }

  /** Between the look for a row and the one for a file the object may have changed from one to the other. */
  async #find<T>(key: string, look: () => Promise<T | undefined>): Promise<T | undefined> {
    return (await look()) ?? (await this.#lockKey(key, look));
  }

  async #describeNow(key: string, reading: Reading): Promise<Description | undefined> {
    return this.#rows.describe(key) ?? (await this.#files.describe(key, reading));
  }

  async #openNow(key: string): Promise<OpenObject | undefined> {
    return this.#rows.open(key) ?? (await this.#files.open(key));
  }
}

async function discard(written: Written): Promise<void> {
  if (written.kind === "file") await rm(written.temporary, { force: true });
}
