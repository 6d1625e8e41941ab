/**
 * Uploads in parts, and the parts of the objects that they became.
 *
 * `uploads/<id>.json` says that an upload is in progress, or that the parts of a replaced object are
 * about to be removed; `parts/<id>/<number>@` are the parts, each a file like an object's. Completing an
 * upload writes an object that names its parts, and then removes the `.json`: no bytes are copied. A
 * `.json` that a crash left is settled at open by one question: does the object still name these parts?
 */
import { randomBytes } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { BoxkiteError } from "../../domain/errors.ts";
import type { Logger } from "../../lib/log.ts";
import type { Upload } from "../hosted-store.ts";
import { mapInBatches } from "./batches.ts";
import type { FileArea } from "./file-area.ts";
import { orAbsent } from "../../lib/errno.ts";
import { explainReadError, isDamage } from "./io-error.ts";
import { compareKeys } from "./key-order.ts";

interface Journal extends Upload {
  readonly state: "inProgress" | "removing";
}

const UPLOAD_ID = /^[0-9a-f]{32}$/;
const PART_NAME = /^\d{5}@$/;
const JOURNAL_SUFFIX = ".json";

export class Uploads {
  readonly #journals: string;
  readonly #parts: string;
  readonly #files: FileArea;
  readonly #log: Logger;
  /** How many readers an upload's parts have; they are removed after the last one. */
  readonly #readers = new Map<string, number>();
  readonly #removeLater = new Set<string>();
  /** Ids of damaged journals that the log has named. */
  readonly #damaged = new Set<string>();

  constructor(directory: string, files: FileArea, log: Logger) {
    this.#journals = join(directory, "uploads");
    this.#parts = join(directory, "parts");
    this.#files = files;
    this.#log = log;
  }

  partPath(uploadId: string, number: number): string {
    return join(this.#parts, uploadId, `${String(number).padStart(5, "0")}@`);
  }

  async create(upload: Omit<Upload, "id">): Promise<Upload> {
    const created: Upload = { ...upload, id: randomBytes(16).toString("hex") };
    await this.#writeJournal({ ...created, state: "inProgress" });
    return created;
  }

  async find(key: string, id: string): Promise<Upload | undefined> {
    const journal = await this.#readJournal(id);
    return journal?.state === "inProgress" && journal.key === key ? uploadOf(journal) : undefined;
  }

  async list(prefix: string): Promise<Upload[]> {
    const journals = await this.#allJournals();
    return journals
      .filter(({ state, key }) => state === "inProgress" && key.startsWith(prefix))
      .map(uploadOf)
      .sort((a, b) => compareKeys(a.key, b.key) || a.createdAt - b.createdAt);
  }

  async partNumbers(uploadId: string): Promise<number[]> {
    const names = (await orAbsent(readdir(join(this.#parts, uploadId)))) ?? [];
    const numbers = names.filter((name) => PART_NAME.test(name)).map((name) => Number.parseInt(name, 10));
    return numbers.sort((a, b) => a - b);
  }

  /** The object now names the parts; the upload is over. */
  async finish(uploadId: string): Promise<void> {
    await this.#files.remove(this.#journalPath(uploadId), this.#journals);
  }

  /** Removes an upload that did not become an object. */
  async discard(uploadId: string): Promise<void> {
    await rm(join(this.#parts, uploadId), { recursive: true, force: true });
    await this.finish(uploadId);
  }

  /** To be called before the object that names these parts is replaced or removed. */
  async announceRemoval(key: string, uploadId: string, now: number): Promise<void> {
    try {
      await this.#writeJournal({ id: uploadId, key, createdAt: now, attributes: {}, state: "removing" });
    } catch (error) {
      // Removing frees the full disk. Without the journal only a crash in the middle leaves the parts behind.
      if (!(error instanceof BoxkiteError && error.code === "DISK_FULL")) throw error;
    }
  }

  /**
   * Removes the parts of a replaced object, at once or after their last reader. The object is replaced in any case: parts that
   * cannot be removed are left to the next start.
   */
  async removeParts(uploadId: string): Promise<void> {
    try {
      if (this.#readers.has(uploadId)) this.#removeLater.add(uploadId);
      else await this.discard(uploadId);
    } catch (error) {
      this.#log.warn("the parts of an object that was replaced are left", { upload: uploadId, error });
    }
  }

  /** Keeps the parts from being removed until the returned function is called; more calls are one. */
  hold(uploadId: string): () => Promise<void> {
    this.#readers.set(uploadId, (this.#readers.get(uploadId) ?? 0) + 1);
    let released: Promise<void> | undefined;
    return () => (released ??= this.#release(uploadId));
  }

  /** After a crash: finishes what was begun. `names`: whether the object names these parts. */
  async recover(names: (key: string, uploadId: string) => Promise<boolean>): Promise<void> {
    for (const journal of await this.#allJournals()) {
      try {
        await this.#settle(journal, names);
      } catch (error) {
        if (!(error instanceof BoxkiteError)) throw error;
        // It concerns one object; the other uploads are recovered.
        this.#log.warn("an upload in parts is left as it is", { file: this.#journalPath(journal.id), error });
      }
    }
  }

  async #settle(
    { id, key, state }: Journal,
    names: (key: string, uploadId: string) => Promise<boolean>,
  ): Promise<void> {
    if (await names(key, id)) await this.finish(id);
    else if (state === "removing") await this.discard(id);
  }

  async #release(uploadId: string): Promise<void> {
    const left = (this.#readers.get(uploadId) ?? 0) - 1;
    if (left > 0) {
      this.#readers.set(uploadId, left);
      return;
    }
    this.#readers.delete(uploadId);
    if (this.#removeLater.delete(uploadId)) await this.discard(uploadId);
  }

  async #allJournals(): Promise<Journal[]> {
    const names = await readdir(this.#journals);
    const found = await mapInBatches(names, async (name) => {
      const id = name.slice(0, -JOURNAL_SUFFIX.length);
      try {
        return await this.#readJournal(id);
      } catch (error) {
        if (!isDamage(error)) throw error;
        this.#reportDamaged(id, error);
        return undefined;
      }
    });
    return found.filter((journal) => journal !== undefined);
  }

  /** Undefined for one that is missing or not valid. Fails with OBJECT_DAMAGED where it cannot be read. */
  async #readJournal(id: string): Promise<Journal | undefined> {
    // The id comes from a client and becomes a path.
    if (!UPLOAD_ID.test(id)) return undefined;
    const path = this.#journalPath(id);
    const text = await orAbsent(readFile(path, "utf8")).catch((error: unknown) => {
      throw explainReadError(error, path);
    });
    if (text === undefined) return undefined;
    const journal = parseJournal(text, id);
    if (journal === undefined) this.#reportDamaged(id);
    return journal;
  }

  /** Its parts stay: whether an object is made of them is not known. */
  #reportDamaged(id: string, error?: unknown): void {
    if (this.#damaged.has(id)) return;
    this.#damaged.add(id);
    this.#log.warn("the journal of an upload in parts is damaged and skipped", {
      file: this.#journalPath(id),
      hint: "remove it; if no object was made of its parts, remove them too",
      parts: join(this.#parts, id),
      ...(error !== undefined && { error }),
    });
  }

  async #writeJournal(journal: Journal): Promise<void> {
    await this.#files.writeSmall(this.#journalPath(journal.id), JSON.stringify(journal));
  }

  #journalPath(id: string): string {
    return join(this.#journals, `${id}${JOURNAL_SUFFIX}`);
  }
}

/** Undefined for one that is damaged. */
function parseJournal(text: string, id: string): Journal | undefined {
  let journal: Partial<Journal> | null;
  try {
    journal = JSON.parse(text) as Partial<Journal> | null;
  } catch {
    return undefined;
  }
  const isWhole =
    journal?.id === id &&
    typeof journal.key === "string" &&
    typeof journal.createdAt === "number" &&
    typeof journal.attributes === "object" &&
    (journal.state === "inProgress" || journal.state === "removing");
  return isWhole ? (journal as Journal) : undefined;
}

function uploadOf({ state: _state, ...upload }: Journal): Upload {
  return upload;
}
