/** Uploads in parts, from their beginning until they are an object. */
import { rm } from "node:fs/promises";
import type { Clock } from "../../lib/clock.ts";
import { createKeyLocks, type Lock } from "../../lib/key-locks.ts";
import type {
  Completion,
  HostedPutOptions,
  ObjectBody,
  PartInfo,
  StoredObject,
  Upload,
  WriteCondition,
} from "../hosted-store.ts";
import { mapInBatches } from "./batches.ts";
import { describe, etagOf, etagOfParts, partOf } from "./description.ts";
import type { Encryption } from "./encryption.ts";
import type { FileArea } from "./file-area.ts";
import { checkKey } from "./key-path.ts";
import { describeObjectFile, type Description } from "./object-file.ts";
import type { Uploads } from "./uploads.ts";
import type { WrittenContent } from "./written-content.ts";

export interface MultipartOptions {
  readonly files: FileArea;
  readonly uploads: Uploads;
  readonly clock: Clock;
  readonly encryption: Encryption;
  /** Replaces the file of a key by one that was written aside, if the condition holds then. */
  readonly replace: (
    key: string,
    temporary: string,
    condition: WriteCondition | undefined,
  ) => Promise<unknown>;
}

/** As HostedStore describes the methods. */
export class Multipart {
  readonly #files: FileArea;
  readonly #uploads: Uploads;
  readonly #clock: Clock;
  readonly #encryption: Encryption;
  readonly #replace: MultipartOptions["replace"];
  /** Held while the parts of one upload are moved into place, listed or removed. */
  readonly #lock: Lock = createKeyLocks();

  constructor({ files, uploads, clock, encryption, replace }: MultipartOptions) {
    this.#files = files;
    this.#uploads = uploads;
    this.#clock = clock;
    this.#encryption = encryption;
    this.#replace = replace;
  }

  async create(upload: Omit<Upload, "id" | "createdAt">): Promise<Upload> {
    checkKey(upload.key);
    return this.#uploads.create({ ...upload, createdAt: this.#clock.now() });
  }

  find(key: string, id: string): Promise<Upload | undefined> {
    return this.#uploads.find(key, id);
  }

  list(prefix: string): Promise<Upload[]> {
    return this.#uploads.list(prefix);
  }

  async putPart(
    upload: Upload,
    number: number,
    body: ObjectBody,
    options: Pick<HostedPutOptions, "checksum"> = {},
  ): Promise<PartInfo | undefined> {
    let description: Description | undefined;
    const sealing = upload.attributes.encryption && this.#encryption.seal();
    const describePart = (written: WrittenContent): Description =>
      (description = describe(String(number), {
        ...written,
        etag: etagOf(written),
        modifiedAt: this.#clock.now(),
        checksum: options.checksum?.(),
      }));
    const temporary = await this.#files.writeAside(body, describePart, sealing);
    return this.#lock(upload.id, async () => {
      const inProgress = await this.#files.orRemove(temporary, () => this.find(upload.key, upload.id));
      if (description === undefined || inProgress === undefined) {
        await rm(temporary, { force: true });
        return undefined;
      }
      await this.#files.place(temporary, this.#uploads.partPath(upload.id, number));
      return partOf(description);
    });
  }

  async listParts(upload: Upload): Promise<PartInfo[]> {
    const numbers = await this.#uploads.partNumbers(upload.id);
    const found = await mapInBatches(numbers, (number) =>
      describeObjectFile(this.#uploads.partPath(upload.id, number), String(number)),
    );
    return found.filter((description) => description !== undefined).map(partOf);
  }

  complete(
    upload: Upload,
    choose: (stored: readonly PartInfo[]) => Completion,
    condition?: WriteCondition,
  ): Promise<StoredObject | undefined> {
    return this.#lock(upload.id, async () => {
      if ((await this.find(upload.key, upload.id)) === undefined) return undefined;
      const stored = await this.listParts(upload);
      const { parts, checksum } = choose(stored);
      const size = parts.reduce((sum, part) => sum + part.size, 0);
      const described = describe(upload.key, {
        size,
        etag: etagOfParts(parts),
        modifiedAt: this.#clock.now(),
        attributes: upload.attributes,
        checksum,
      });
      const segments = {
        upload: upload.id,
        parts: parts.map((part) => ({ number: part.number, size: part.size })),
      };
      const temporary = await this.#files.writeAside(new Uint8Array(), () => ({ ...described, segments }));
      await this.#replace(upload.key, temporary, condition);
      await this.#uploads.finish(upload.id);
      const chosen = new Set(parts.map((part) => part.number));
      for (const { number } of stored) {
        if (!chosen.has(number)) await rm(this.#uploads.partPath(upload.id, number), { force: true });
      }
      return described;
    });
  }

  async abort(upload: Upload): Promise<void> {
    await this.#lock(upload.id, async () => {
      // Completed meanwhile: its parts belong to an object now.
      if ((await this.find(upload.key, upload.id)) === undefined) return;
      await this.#uploads.discard(upload.id);
    });
  }
}
