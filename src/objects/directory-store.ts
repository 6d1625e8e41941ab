/**
 * An object store in a directory of the local file system. One process at a time may have it open.
 *
 *   small.sqlite   objects of a few KiB, each a row (small/)
 *   objects/   larger ones, each a file (directory/key-path.ts, directory/object-file.ts)
 *   uploads/, parts/   uploads in parts (directory/uploads.ts)
 *   .tmp/      files being written; emptied at open
 *   format     that there is a small.sqlite (directory/format.ts)
 *
 * What was answered is on disk: commits are synced; files are before they are renamed, and directories after.
 */
import { existsSync } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { BoxkiteError } from "../domain/errors.ts";
import { systemClock, type Clock } from "../lib/clock.ts";
import { createLogger, type Logger } from "../lib/log.ts";
import { createEncryption, type Encryption } from "./directory/encryption.ts";
import { FileArea } from "./directory/file-area.ts";
import { checkMd5, describe, etagOf, infoOf } from "./directory/description.ts";
import { checkFormat, markFormat } from "./directory/format.ts";
import { explainOpenError, isDamage } from "./directory/io-error.ts";
import { checkKey } from "./directory/key-path.ts";
import type { Description } from "./directory/object-file.ts";
import { OBJECT_FILES, ObjectFiles } from "./directory/object-files.ts";
import { collectListing } from "./directory/listing.ts";
import { Multipart } from "./directory/multipart.ts";
import { createPresence, withPresence } from "./directory/presence.ts";
import { Uploads } from "./directory/uploads.ts";
import { walkKeys, type FoundKey } from "./directory/walk.ts";
import type { WrittenContent } from "./directory/written-content.ts";
import type {
  Completion,
  HostedPutOptions,
  HostedStore,
  ObjectBody,
  OpenObject,
  Listing,
  ListingOptions,
  PartInfo,
  StoredObject,
  Upload,
  WriteCondition,
} from "./hosted-store.ts";
import type { ByteRange, ListOptions } from "./object-store.ts";
import { collectSmall, encodeSmall } from "./small/small-object.ts";
import { openSmallObjects, SMALL_OBJECTS_FILE, type SmallObjects } from "./small/small-objects.ts";
import { StoredObjects, type Written } from "./stored-objects.ts";

const SUBDIRECTORIES = [OBJECT_FILES, "uploads", "parts", ".tmp"];

export interface DirectoryStoreOptions {
  readonly clock?: Clock;
  /** Gets a line for what is damaged and skipped. */
  readonly log?: Logger;
  /** From which the keys of encrypted objects are derived; without it none can be written or read. */
  readonly secret?: string | undefined;
}

/**
 * Makes the directory if it is not there, and removes what a crash left unfinished. Throws DATA_DIRECTORY_UNUSABLE or
 * DISK_FULL.
 */
export async function openDirectoryStore(
  directory: string,
  { clock = systemClock, log = createLogger(), secret }: DirectoryStoreOptions = {},
): Promise<HostedStore> {
  const temporary = join(directory, ".tmp");
  try {
    await rm(temporary, { recursive: true, force: true });
    for (const name of SUBDIRECTORIES) await mkdir(join(directory, name), { recursive: true });
    const checkPresence = createPresence(directory, SUBDIRECTORIES);
    const encryption = createEncryption(secret);
    checkFormat(directory, SMALL_OBJECTS_FILE);
    const rows = openSmallObjects(directory, encryption);
    const store = new DirectoryStore({ directory, temporary, checkPresence, rows, encryption, clock, log });
    try {
      await store.recover();
    } catch (error) {
      await store.close();
      throw error;
    }
    return withPresence(store, checkPresence);
  } catch (error) {
    throw explainOpenError(error, directory);
  }
}

/**
 * How many objects such a directory holds, while no server runs; 0 if it is not there. The objects are not read. Throws
 * DATA_DIRECTORY_UNUSABLE.
 */
export async function countObjects(directory: string): Promise<number> {
  let count = 0;
  try {
    checkFormat(directory, SMALL_OBJECTS_FILE);
    const rows = existsSync(join(directory, SMALL_OBJECTS_FILE))
      ? openSmallObjects(directory, createEncryption(undefined))
      : undefined;
    try {
      count = rows?.count() ?? 0;
      for await (const { key } of walkKeys(join(directory, OBJECT_FILES), { prefix: "" }))
        if (rows?.has(key) !== true) count++;
    } finally {
      rows?.close();
    }
  } catch (error) {
    throw explainOpenError(error, directory);
  }
  return count;
}

interface DirectoryStoreParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly rows: SmallObjects;
  readonly encryption: Encryption;
  readonly directory: string;
  readonly temporary: string;
  readonly checkPresence: () => void;
}

class DirectoryStore implements HostedStore {
  readonly #directory: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #encryption: Encryption;
  readonly #area: FileArea;
  readonly #objects: StoredObjects;
  readonly #uploads: Uploads;
  readonly #multipart: Multipart;
  /** Keys of damaged objects that the log has named. */
  readonly #damaged = new Set<string>();

  constructor({ directory, temporary, checkPresence, rows, encryption, clock, log }: DirectoryStoreParts) {
    this.#directory = directory;
    this.#clock = clock;
    this.#log = log;
    this.#encryption = encryption;
    this.#area = new FileArea(directory, temporary, checkPresence);
    this.#uploads = new Uploads(directory, this.#area, log);
    const files = new ObjectFiles({ directory, area: this.#area, uploads: this.#uploads, encryption, clock });
    this.#objects = new StoredObjects({ rows, files, area: this.#area, checkPresence, log });
    this.#multipart = new Multipart({
      files: this.#area,
      uploads: this.#uploads,
      clock,
      encryption,
      replace: (key, temporary, condition) =>
        this.#objects.replace(key, { kind: "file", temporary }, { condition }),
    });
  }

  async recover(): Promise<void> {
    await markFormat(this.#directory, this.#area);
    await this.#objects.recover();
    await this.#uploads.recover(
      async (key, uploadId) => (await this.completedBy(key, uploadId)) !== undefined,
    );
  }

  async put(key: string, body: ObjectBody, options: HostedPutOptions = {}): Promise<StoredObject> {
    checkKey(key);
    let description: Description | undefined;
    const describeWritten = (written: WrittenContent): Description => {
      checkMd5(key, written, options);
      return (description = describe(key, {
        ...written,
        etag: etagOf(written),
        modifiedAt: this.#clock.now(),
        attributes: options,
        checksum: options.checksum?.(),
      }));
    };
    const sealing = options.encryption && this.#encryption.seal();
    const collected = await collectSmall(body);
    const written: Written =
      "small" in collected
        ? { kind: "row", row: encodeSmall(collected.small, describeWritten, sealing) }
        : { kind: "file", temporary: await this.#area.writeAside(collected.large, describeWritten, sealing) };
    if (description === undefined) throw new Error(`${key} was written without a description`);
    const info = infoOf(description);
    const { condition, once } = options;
    return (await this.#objects.replace(key, written, { condition, once: once ? info : undefined })) ?? info;
  }

  async head(key: string): Promise<StoredObject | undefined> {
    checkKey(key);
    const description = await this.#objects.describe(key, "small_at_once");
    return description && infoOf(description);
  }

  async open(key: string): Promise<OpenObject | undefined> {
    checkKey(key);
    return this.#objects.open(key);
  }

  async read(key: string, range?: ByteRange): Promise<Readable> {
    const object = await this.open(key);
    if (object === undefined) throw new BoxkiteError("OBJECT_NOT_FOUND", `there is no object ${key}`);
    const { size } = object.info;
    if (range === undefined) return object.stream();
    if (range.start < 0 || range.start >= size || range.end < range.start) {
      await object.close();
      throw new BoxkiteError(
        "INVALID_ARGUMENT",
        `the bytes ${range.start} to ${range.end} are not in ${key}, which has ${size}`,
      );
    }
    return object.stream({ start: range.start, end: Math.min(range.end, size - 1) });
  }

  async readAll(key: string): Promise<Uint8Array | undefined> {
    const object = await this.open(key);
    return object?.content();
  }

  async list(options: ListOptions): Promise<StoredObject[]> {
    const { prefix, startAfter, limit } = options;
    const after = startAfter === undefined ? {} : { after: { key: startAfter, wholePrefix: false } };
    const listing = await this.listing({ prefix, limit, ...after });
    return [...listing.objects];
  }

  listing(options: ListingOptions): Promise<Listing> {
    const walk = { prefix: options.prefix, after: options.after };
    return collectListing(this.#objects.keys(walk), walk, options, (found) => this.#listed(found));
  }

  async createdAt(): Promise<number> {
    return (await stat(join(this.#directory, OBJECT_FILES))).birthtimeMs;
  }

  check(): Promise<void> {
    return this.#objects.check();
  }

  async delete(key: string): Promise<void> {
    checkKey(key);
    await this.#objects.remove(key);
  }

  createUpload(upload: Omit<Upload, "id" | "createdAt">): Promise<Upload> {
    return this.#multipart.create(upload);
  }

  findUpload(key: string, id: string): Promise<Upload | undefined> {
    return this.#multipart.find(key, id);
  }

  listUploads(prefix: string): Promise<Upload[]> {
    return this.#multipart.list(prefix);
  }

  putPart(
    upload: Upload,
    number: number,
    body: ObjectBody,
    options: Pick<HostedPutOptions, "checksum"> = {},
  ): Promise<PartInfo | undefined> {
    return this.#multipart.putPart(upload, number, body, options);
  }

  listParts(upload: Upload): Promise<PartInfo[]> {
    return this.#multipart.listParts(upload);
  }

  completeUpload(
    upload: Upload,
    choose: (stored: readonly PartInfo[]) => Completion,
    condition?: WriteCondition,
  ): Promise<StoredObject | undefined> {
    return this.#multipart.complete(upload, choose, condition);
  }

  async completedBy(key: string, uploadId: string): Promise<StoredObject | undefined> {
    const description = await this.#objects.describe(key);
    return description?.segments?.upload === uploadId ? infoOf(description) : undefined;
  }

  abortUpload(upload: Upload): Promise<void> {
    return this.#multipart.abort(upload);
  }

  async close(): Promise<void> {
    this.#objects.close();
  }

  /** Undefined for an object that was deleted meanwhile, and for a damaged one: it keeps no other from being listed. */
  async #listed({ key, describe: read }: FoundKey): Promise<StoredObject | undefined> {
    try {
      const description = await read();
      return description && infoOf(description);
    } catch (error) {
      if (!isDamage(error)) throw error;
      if (!this.#damaged.has(key))
        this.#log.error("a listing leaves out an object that is damaged", { key, error });
      this.#damaged.add(key);
      return undefined;
    }
  }
}
