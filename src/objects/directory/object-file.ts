/**
 * One object, one file: the content, then a description in JSON, its CRC-32, its length (32 bits each, big-endian)
 * and a magic word. Content and description are replaced by one rename, so they always belong together; the
 * description is at the end because the MD5 and the sums of the blocks are known only there. Files of before, with
 * another magic word, have neither the CRC-32 nor the sums, and are read without a check.
 */
import { open, type FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { BoxkiteError } from "../../domain/errors.ts";
import type { Checksum } from "../hosted-store.ts";
import { codeOf } from "./io-error.ts";

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
  readonly checksum?: Checksum;
  readonly segments?: Segments;
  /** Checksums of the content (block-sums.ts). */
  readonly blocks?: string;
}

const MAGIC = Buffer.from("boxkobj2");
const MAGIC_UNCHECKED = Buffer.from("boxkobj1");
const CRC_BYTES = 4;
const FOOTER_BYTES = 4 + MAGIC.length;
/** Most descriptions fit into the first read. */
const TAIL_BYTES = 1024;

export function encodeTrailer(description: Description): Buffer {
  const json = Buffer.from(JSON.stringify(description));
  const numbers = Buffer.alloc(8);
  numbers.writeUInt32BE(crc32(json), 0);
  numbers.writeUInt32BE(json.length, CRC_BYTES);
  return Buffer.concat([json, numbers, MAGIC]);
}

export interface OpenFile {
  readonly handle: FileHandle;
  readonly path: string;
  readonly description: Description;
}

/** Undefined if there is no such file. The caller closes the handle. */
export async function openObjectFile(path: string, key: string): Promise<OpenFile | undefined> {
  const handle = await openIfPresent(path);
  if (handle === undefined) return undefined;
  try {
    return { handle, path, description: await readDescription(handle, path, key) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Undefined if there is no such file. */
export async function describeObjectFile(path: string, key: string): Promise<Description | undefined> {
  const file = await openObjectFile(path, key);
  await file?.handle.close();
  return file?.description;
}

async function openIfPresent(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

async function readDescription(handle: FileHandle, path: string, key: string): Promise<Description> {
  const { size } = await handle.stat();
  const tail = await readTail(handle, size, TAIL_BYTES);
  const magic = tail.subarray(-MAGIC.length);
  const isChecked = magic.equals(MAGIC);
  if (tail.length < FOOTER_BYTES || (!isChecked && !magic.equals(MAGIC_UNCHECKED))) throw notOurs(path);
  const length = tail.readUInt32BE(tail.length - FOOTER_BYTES);
  const footerBytes = FOOTER_BYTES + (isChecked ? CRC_BYTES : 0);
  const trailerBytes = length + footerBytes;
  if (trailerBytes > size) throw notOurs(path);
  const whole = trailerBytes <= tail.length ? tail : await readTail(handle, size, trailerBytes);
  const json = whole.subarray(whole.length - trailerBytes, whole.length - footerBytes);
  if (isChecked && whole.readUInt32BE(whole.length - footerBytes) !== crc32(json)) throw notOurs(path);
  const description = parseDescription(json.toString(), path);
  const contentBytes = description.segments === undefined ? description.size : 0;
  if (description.key !== key || contentBytes !== size - trailerBytes) throw notOurs(path);
  return description;
}

async function readTail(handle: FileHandle, size: number, wanted: number): Promise<Buffer> {
  const length = Math.min(size, wanted);
  const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, size - length);
  return buffer.subarray(0, bytesRead);
}

function parseDescription(json: string, path: string): Description {
  try {
    return JSON.parse(json) as Description;
  } catch (error) {
    throw notOurs(path, error);
  }
}

function notOurs(path: string, cause?: unknown): BoxkiteError {
  return damaged(path, "is not an object as Boxkite writes them", cause);
}

/** `what` goes on behind the path. */
export function damaged(path: string, what: string, cause?: unknown): BoxkiteError {
  return new BoxkiteError("OBJECT_DAMAGED", `${path} ${what}`, {
    cause,
    hint: "restore the file from a backup, or remove it",
  });
}
