/**
 * What the S3 handler needs of a store beyond `ObjectStore`: attributes that travel with an object,
 * writes under a condition, listing by delimiter, and uploads in parts.
 */
import type { Readable } from "node:stream";
import type { ByteRange, ObjectInfo, ObjectStore, PutOptions } from "./object-store.ts";

export type ObjectBody = Uint8Array | AsyncIterable<Uint8Array>;

export const CHECKSUM_ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const;
export type ChecksumAlgorithm = (typeof CHECKSUM_ALGORITHMS)[number];

/** FULL_OBJECT is over the content; COMPOSITE is over the checksums of the parts. */
export type ChecksumType = "FULL_OBJECT" | "COMPOSITE";

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64, and `-<parts>` behind it if composite. */
  readonly value: string;
  readonly type: ChecksumType;
}

export interface ObjectAttributes {
  readonly contentType?: string;
  /** Headers that come back as they were given (cache-control, …); names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** User metadata; names in lower case without `x-amz-meta-`. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The content is encrypted on the disk. */
  readonly encryption?: "AES256";
  /** As S3 names them; values may be empty. */
  readonly tags?: Readonly<Record<string, string>>;
}

export interface StoredObject extends ObjectInfo, ObjectAttributes {
  readonly checksum?: Checksum;
}

/** What must be true of the object at the moment it is replaced. */
export type WriteCondition =
  | { readonly kind: "absent" }
  /** One of these quoted etags; `*` stands for any. */
  | { readonly kind: "matches"; readonly etags: readonly string[] }
  | { readonly kind: "matchesNone"; readonly etags: readonly string[] };

/** Thrown by a write whose condition did not hold; nothing was written. */
export class ConditionFailedError extends Error {
  readonly key: string;
  /** Whether there is an object at all under the key. */
  readonly exists: boolean;

  constructor(key: string, exists: boolean) {
    super(
      `${key}: the condition of the write does not hold: the object ${exists ? "exists" : "does not exist"}`,
    );
    this.name = "ConditionFailedError";
    this.key = key;
    this.exists = exists;
  }
}

export interface HostedPutOptions extends PutOptions, ObjectAttributes {
  readonly condition?: WriteCondition;
  /**
   * An object that is there already is kept: the write succeeds where it has the same content, else it fails with
   * ConditionFailedError.
   */
  readonly once?: boolean;
  /** Called once the body has ended. */
  readonly checksum?: () => Checksum | undefined;
}

/** An object held open: what is read belongs to `info` even if the key is overwritten meanwhile. */
export interface OpenObject {
  readonly info: StoredObject;
  /**
   * Call one of `stream`, `content` (once) and `close`. The range lies in the object. The stream
   * fails with OBJECT_DAMAGED before it returns a byte that differs from what was written.
   */
  stream(range?: ByteRange): Readable;
  /** The same of a small range, at once. */
  content(range?: ByteRange): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Where a listing continues: after this key, or after every key that starts with it. */
export interface ListPosition {
  readonly key: string;
  readonly wholePrefix: boolean;
}

export interface ListingOptions {
  readonly prefix: string;
  readonly after?: ListPosition;
  readonly delimiter?: string;
  /** Objects and common prefixes together. */
  readonly limit: number;
}

export interface Listing {
  readonly objects: readonly StoredObject[];
  readonly commonPrefixes: readonly string[];
  /** Set if there is more. */
  readonly next?: ListPosition;
}

export interface Upload {
  readonly id: string;
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly attributes: ObjectAttributes;
  readonly checksumAlgorithm?: ChecksumAlgorithm;
  readonly checksumType?: ChecksumType;
}

export interface PartInfo {
  readonly number: number;
  readonly size: number;
  /** Quoted MD5 of the part. */
  readonly etag: string;
  readonly modifiedAt: number;
  readonly checksum?: Checksum;
}

/** What an upload is to become. */
export interface Completion {
  /** Some of the stored ones, in the order of the object. */
  readonly parts: readonly PartInfo[];
  readonly checksum?: Checksum;
}

export interface HostedStore extends ObjectStore {
  put(key: string, body: ObjectBody, options?: HostedPutOptions): Promise<StoredObject>;
  head(key: string): Promise<StoredObject | undefined>;
  open(key: string): Promise<OpenObject | undefined>;
  listing(options: ListingOptions): Promise<Listing>;
  /** When the store was made; milliseconds since the epoch. */
  createdAt(): Promise<number>;
  /** Throws DATA_DIRECTORY_UNUSABLE or DISK_FULL where nothing can be written at the moment. */
  check(): Promise<void>;

  createUpload(upload: Omit<Upload, "id" | "createdAt">): Promise<Upload>;
  /** Undefined for one that is unknown, completed, aborted or expired. */
  findUpload(key: string, id: string): Promise<Upload | undefined>;
  /** Uploads in progress, by key and then by age. */
  listUploads(prefix: string): Promise<Upload[]>;
  /** Replaces an earlier part of the same number. Undefined if the upload ended meanwhile. */
  putPart(
    upload: Upload,
    number: number,
    body: ObjectBody,
    options?: Pick<HostedPutOptions, "checksum">,
  ): Promise<PartInfo | undefined>;
  /** In the order of their numbers. */
  listParts(upload: Upload): Promise<PartInfo[]>;
  /**
   * Makes an object of the parts and forgets those that are not chosen. No bytes are copied. No part is
   * put between `choose` and the end; what it throws is thrown. Undefined if the upload ended meanwhile.
   */
  completeUpload(
    upload: Upload,
    choose: (stored: readonly PartInfo[]) => Completion,
    condition?: WriteCondition,
  ): Promise<StoredObject | undefined>;
  /** The object that this upload became, if it is still there: for a client that asks twice. */
  completedBy(key: string, uploadId: string): Promise<StoredObject | undefined>;
  abortUpload(upload: Upload): Promise<void>;

  /** Once no call is under way; nothing can be called any more. */
  close(): Promise<void>;
}
