/**
 * Blobs by key: inputs, outputs, code bundles, reports. A key is a `/`-separated path without a
 * leading slash; the URI that tasks see is `s3://<bucket>/<key>`. Writes are atomic: a reader sees
 * the old bytes or the new ones, and a write that fails half-way leaves nothing behind. Reading what the
 * disk damaged fails with OBJECT_DAMAGED; damaged bytes are never returned.
 */
import type { Readable } from "node:stream";

export interface ObjectInfo {
  readonly key: string;
  readonly size: number;
  /** Quoted, as HTTP wants it. The MD5 of the content for single-part objects, as S3 does. */
  readonly etag: string;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
  readonly contentType?: string;
}

export interface PutOptions {
  readonly contentType?: string;
  /** 16 bytes; the write is refused with INVALID_ARGUMENT if the content has another MD5. */
  readonly md5?: Uint8Array;
}

export interface ListOptions {
  readonly prefix: string;
  /** Keys after this one only. */
  readonly startAfter?: string;
  readonly limit: number;
}

export interface ByteRange {
  readonly start: number;
  /** Included. */
  readonly end: number;
}

export interface ObjectStore {
  /** Streams in bounded memory. */
  put(key: string, body: Uint8Array | Readable, options?: PutOptions): Promise<ObjectInfo>;
  head(key: string): Promise<ObjectInfo | undefined>;
  /** These bytes, or all of them. Throws OBJECT_NOT_FOUND. */
  read(key: string, range?: ByteRange): Promise<Readable>;
  /** The whole object in memory: for the small ones that the server itself reads. */
  readAll(key: string): Promise<Uint8Array | undefined>;
  /** In the byte order of keys. */
  list(options: ListOptions): Promise<ObjectInfo[]>;
  delete(key: string): Promise<void>;
}
