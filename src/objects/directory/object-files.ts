/** Objects that are files, each one file or one that names the parts of an upload (uploads.ts). */
import { statSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../lib/clock.ts";
import type { OpenObject } from "../hosted-store.ts";
import type { Encryption } from "./encryption.ts";
import type { FileArea } from "./file-area.ts";
import type { Reading } from "./file-bytes.ts";
import { isDamage } from "./io-error.ts";
import { objectPath } from "./key-path.ts";
import { describeObjectFile, openObjectFile, type Description, type Segments } from "./object-file.ts";
import { openSegments, openSingle } from "./open-object.ts";
import type { Uploads } from "./uploads.ts";
import { walkKeys, type FoundKey, type Walk } from "./walk.ts";

export const OBJECT_FILES = "objects";

export interface ObjectFilesParts {
  readonly directory: string;
  readonly area: FileArea;
  readonly uploads: Uploads;
  readonly encryption: Encryption;
  readonly clock: Clock;
}

export class ObjectFiles {
  readonly #root: string;
  readonly #area: FileArea;
  readonly #uploads: Uploads;
  readonly #encryption: Encryption;
  readonly #clock: Clock;

  constructor({ directory, area, uploads, encryption, clock }: ObjectFilesParts) {
    this.#root = join(directory, OBJECT_FILES);
    this.#area = area;
    this.#uploads = uploads;
    this.#encryption = encryption;
    this.#clock = clock;
  }

  /** Also where it is damaged. */
  has(key: string): boolean {
    return statSync(this.#pathOf(key), { throwIfNoEntry: false }) !== undefined;
  }

  /** Fails with OBJECT_DAMAGED. */
  describe(key: string, reading: Reading = "asynchronous"): Promise<Description | undefined> {
    return describeObjectFile(this.#pathOf(key), key, reading);
  }

  /** Fails with OBJECT_DAMAGED. */
  async open(key: string): Promise<OpenObject | undefined> {
    for (;;) {
      const file = await openObjectFile(this.#pathOf(key), key, "small_at_once");
      if (file === undefined) return undefined;
      const { segments } = file.description;
      if (segments === undefined) return openSingle(file, this.#encryption);
      await file.handle.close();
      const object = await this.#openParts(key, segments);
      if (object !== undefined) return object;
    }
  }

  keys(walk: Walk): AsyncGenerator<FoundKey> {
    return walkKeys(this.#root, walk);
  }

  /** Moves a file that was written aside into its place. To be called by the work of `replacing`, as is `remove`. */
  place(key: string, temporary: string): Promise<void> {
    return this.#area.place(temporary, this.#pathOf(key));
  }

  remove(key: string): Promise<void> {
    return this.#area.remove(this.#pathOf(key), this.#root);
  }

  /** Does the work that replaces or removes the file of a key; then the parts that it named go. */
  async replacing(key: string, work: () => Promise<void>): Promise<void> {
    const segments = await this.#segmentsOf(key);
    if (segments !== undefined) await this.#uploads.announceRemoval(key, segments.upload, this.#clock.now());
    await work();
    if (segments !== undefined) await this.#uploads.removeParts(segments.upload);
  }

  /** Undefined where another write has replaced the object since. */
  async #openParts(key: string, segments: Segments): Promise<OpenObject | undefined> {
    const release = this.#uploads.hold(segments.upload);
    let object: OpenObject | undefined;
    try {
      // Before they were held, another write may have replaced the object and removed the parts.
      const now = await this.describe(key);
      if (now?.segments?.upload === segments.upload) {
        const pathOf = (part: number) => this.#uploads.partPath(segments.upload, part);
        object = openSegments(now, { segments, pathOf, release }, this.#encryption);
      }
    } finally {
      if (object === undefined) await release();
    }
    return object;
  }

  /** Of the object that is about to go. A damaged one has none, so that it can be replaced. */
  async #segmentsOf(key: string): Promise<Segments | undefined> {
    try {
      return (await this.describe(key, "small_at_once"))?.segments;
    } catch (error) {
      if (isDamage(error)) return undefined;
      throw error;
    }
  }

  #pathOf(key: string): string {
    return objectPath(this.#root, key);
  }
}
