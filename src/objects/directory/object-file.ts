/**
 * One object, one file: the content, then a description in JSON, its CRC-32, its length (32 bits each, big-endian)
 * and a magic word. Content and description are replaced by one rename, so they always belong together; the
 * description is at the end because the MD5 and the sums of the blocks are known only there. Older files, with
 * another magic word, have neither the CRC-32 nor the sums, and are read unchecked.
 */
import { crc32 } from "node:zlib";
import type { BoxkiteError } from "../../domain/errors.ts";
import type { Checksum } from "../hosted-store.ts";
import { orAbsent } from "../../lib/errno.ts";
import { damaged, explainReadError } from "./io-error.ts";
import { openFileBytes, type FileBytes, type Reading } from "./file-bytes.ts";
import type { Sealing } from "./encryption.ts";
import { readFully, type ReadableFile } from "./read-fully.ts";
import type { WrittenContent } from "./written-content.ts";

/** The parts of an object that was uploaded in parts; their bytes are in files of their own. */
export interface Segments {
  readonly upload: string;
  readonly parts: readonly { readonly number: number; readonly size: number }[];
}

export interface Description {
  /** The key, or the number of a part: guards against a file in the wrong place. */
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly modifiedAt: number;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string>>;
  readonly encryption?: "AES256";
  /** Of the key with which the content of this file is encrypted (encryption.ts). */
  readonly salt?: string;
  readonly checksum?: Checksum;
  readonly segments?: Segments;
  /** Checksums of the content (block-sums.ts). */
  readonly blocks?: string;
}

const MAGIC = Buffer.from("boxkobj2");
/** Of encrypted content: a server that does not know how to decrypt it reads nothing. */
const MAGIC_ENCRYPTED = Buffer.from("boxkobj3");
const MAGIC_UNCHECKED = Buffer.from("boxkobj1");
const CRC_BYTES = 4;
const FOOTER_BYTES = 4 + MAGIC.length;
/** Most descriptions fit into the first read. */
const TAIL_BYTES = 1024;

/** What follows the content. `written`, `sealing`: of the content, where it is in the same file. */
export function encodeTrailer(
  described: Description,
  written?: Pick<WrittenContent, "blocks">,
  sealing?: Pick<Sealing, "salt">,
): Buffer {
  const description: Description = {
    ...described,
    ...(written && { blocks: written.blocks }),
    ...(sealing && { salt: sealing.salt }),
  };
  const json = Buffer.from(JSON.stringify(description));
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32BE(crc32(json), 0);
  numbers.writeUInt32BE(json.length, CRC_BYTES);
  return Buffer.concat([json, numbers, description.salt === undefined ? MAGIC : MAGIC_ENCRYPTED]);
}

export interface OpenFile extends ReadableFile {
  readonly description: Description;
}

/** Undefined if there is no such file; fails with OBJECT_DAMAGED. The caller closes the handle. */
export async function openObjectFile(
  path: string,
  key: string,
  reading: Reading = "asynchronous",
): Promise<OpenFile | undefined> {
  const handle = await openIfPresent(path, reading);
  if (handle === undefined) return undefined;
  try {
    return { handle, path, description: await readDescription(handle, path, key) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Undefined if there is no such file; fails with OBJECT_DAMAGED. */
export async function describeObjectFile(
  path: string,
  key: string,
  reading: Reading = "asynchronous",
): Promise<Description | undefined> {
  const file = await openObjectFile(path, key, reading);
  await file?.handle.close();
  return file?.description;
}

async function openIfPresent(path: string, reading: Reading): Promise<FileBytes | undefined> {
  try {
    return await orAbsent(openFileBytes(path, reading));
  } catch (error) {
    throw explainReadError(error, path);
  }
}

async function readDescription(handle: FileBytes, path: string, key: string): Promise<Description> {
  const { size } = handle;
  const tail = await readTail({ handle, path }, size, TAIL_BYTES);
  const { trailerBytes } = readFooter(tail, path);
  if (trailerBytes > size) throw notOurs(path);
  const whole = trailerBytes <= tail.length ? tail : await readTail({ handle, path }, size, trailerBytes);
  const trailer = whole.subarray(whole.length - trailerBytes);
  return decodeTrailer(trailer, { key, path, contentBytes: size - trailerBytes });
}

export interface TrailedContent {
  readonly key: string;
  /** For messages: where it is stored. */
  readonly path: string;
  /** What is stored before the trailer. */
  readonly contentBytes: number;
}

/** Throws OBJECT_DAMAGED for what is not the trailer of this content. */
export function decodeTrailer(trailer: Buffer, { key, path, contentBytes }: TrailedContent): Description {
  const { trailerBytes, footerBytes, isChecked } = readFooter(trailer, path);
  if (trailerBytes !== trailer.length) throw notOurs(path);
  const json = trailer.subarray(0, trailerBytes - footerBytes);
  if (isChecked && trailer.readUInt32BE(trailerBytes - footerBytes) !== crc32(json)) throw notOurs(path);
  const description = parseDescription(json.toString(), path);
  const described = description.segments === undefined ? description.size : 0;
  if (description.key !== key || described !== contentBytes) throw notOurs(path);
  return description;
}

function readFooter(tail: Buffer, path: string) {
  const magic = tail.subarray(-MAGIC.length);
  const isChecked = magic.equals(MAGIC) || magic.equals(MAGIC_ENCRYPTED);
  const footerBytes = FOOTER_BYTES + (isChecked ? CRC_BYTES : 0);
  if (tail.length < footerBytes || (!isChecked && !magic.equals(MAGIC_UNCHECKED))) throw notOurs(path);
  const trailerBytes = tail.readUInt32BE(tail.length - FOOTER_BYTES) + footerBytes;
  return { trailerBytes, footerBytes, isChecked };
}

async function readTail(file: ReadableFile, size: number, wanted: number): Promise<Buffer> {
  const length = Math.min(size, wanted);
  const tail = await readFully(file, size - length, length);
  if (tail === undefined) throw notOurs(file.path);
  return tail;
}

function parseDescription(json: string, path: string): Description {
  let description: Description | null;
  try {
    description = JSON.parse(json) as Description | null;
  } catch (error) {
    throw notOurs(path, error);
  }
  if (description === null) throw notOurs(path);
  return description;
}

function notOurs(path: string, cause?: unknown): BoxkiteError {
  return damaged(path, "is not an object as Boxkite writes them", cause);
}
