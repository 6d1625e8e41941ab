/**
 * Keys to paths and back.
 *
 * A key is cut at its slashes into directories and one file. Lower-case letters, digits, `-`, `_` and `.` stand for
 * themselves, `!a` for `A` (some file systems ignore case), `%xx` for any other byte and for a dot that would make a name
 * special, and a lone `%` for an empty segment. So no segment can be `..`, a slash or a NUL, whatever the key. A file's
 * name ends in `@`, so that `a` and `a/b` can both be keys. A name too long for a file system continues in a directory
 * whose name ends in `+`.
 */
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BoxkiteError } from "../../domain/errors.ts";
import { orAbsent } from "../../lib/errno.ts";

/** As S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
export const MAX_KEY_BYTES = 1024;

/** File systems stop at 255 bytes; the rest is for the suffix. */
const MAX_NAME_LENGTH = 200;
const FILE_SUFFIX = "@";
const CONTINUED_SUFFIX = "+";
const EMPTY_SEGMENT = "%";
/** A segment that stands for itself, as most do. */
const PLAIN = /^[a-z0-9_-][a-z0-9._-]*$/;
const ENCODED = /^(?:%|(?:[a-z0-9_-]|![a-z]|%[0-9a-f]{2})(?:[a-z0-9._-]|![a-z]|%[0-9a-f]{2})*)$/;

/** Throws INVALID_ARGUMENT for what cannot be a key. */
export function checkKey(key: string): void {
  const problem = problemOf(key);
  if (problem !== undefined) {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `${JSON.stringify(key.slice(0, 200))} cannot be a key: ${problem}`,
    );
  }
}

function problemOf(key: string): string | undefined {
  if (key === "") return "it is empty";
  if (key.includes("\0")) return "it has a NUL";
  if (!key.isWellFormed()) return "it is not valid Unicode";
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) return `it is longer than ${MAX_KEY_BYTES} bytes`;
  return undefined;
}

export function objectPath(root: string, key: string): string {
  const cut = key.lastIndexOf("/");
  const directory = directoryPath(root, key.slice(0, cut + 1));
  return join(directory, `${pathOfSegment(key.slice(cut + 1), "")}${FILE_SUFFIX}`);
}

/** The directory of the keys that start with this prefix, which is empty or ends in a slash. */
export function directoryPath(root: string, prefix: string): string {
  const segments = prefix === "" ? [] : prefix.slice(0, -1).split("/");
  return join(root, ...segments.map((segment) => withoutDotNames(pathOfSegment(segment, EMPTY_SEGMENT))));
}

/** The rest of a name that was too long may be `.` or `..`, which name other directories. */
function withoutDotNames(path: string): string {
  return path.replace(/(?<=\/)\.(?=\.?$)/, "%2e");
}

export interface Entry {
  /** A segment of a key. */
  readonly name: string;
  readonly isDirectory: boolean;
  readonly path: string;
}

/** What is directly in a directory, in no order. Files that Boxkite did not make are skipped. */
export async function readEntries(directory: string, continued = ""): Promise<Entry[]> {
  const found: Entry[] = [];
  for (const entry of await readNames(directory)) {
    const path = join(directory, entry.name);
    if (!entry.isDirectory()) {
      if (!entry.name.endsWith(FILE_SUFFIX)) continue;
      addEntry(found, continued + entry.name.slice(0, -FILE_SUFFIX.length), false, path);
    } else if (entry.name.endsWith(CONTINUED_SUFFIX)) {
      found.push(...(await readEntries(path, continued + entry.name.slice(0, -CONTINUED_SUFFIX.length))));
    } else {
      addEntry(found, continued + entry.name, true, path);
    }
  }
  return found;
}

function addEntry(found: Entry[], encoded: string, isDirectory: boolean, path: string): void {
  const name = decodeSegment(encoded);
  if (name !== undefined) found.push({ name, isDirectory, path });
}

/** None for a prefix without keys, and for one whose last key was deleted meanwhile. */
async function readNames(directory: string): Promise<{ name: string; isDirectory(): boolean }[]> {
  return (await orAbsent(readdir(directory, { withFileTypes: true }))) ?? [];
}

/** The directories above a file, the nearest first, without the root. */
export function* parentsBelow(root: string, path: string): Generator<string> {
  for (let parent = dirname(path); parent.length > root.length; parent = dirname(parent)) yield parent;
}

function pathOfSegment(segment: string, whenEmpty: string): string {
  const encoded = segment === "" ? whenEmpty : encodeSegment(segment);
  const pieces: string[] = [];
  for (let at = 0; at < encoded.length; at += MAX_NAME_LENGTH)
    pieces.push(encoded.slice(at, at + MAX_NAME_LENGTH));
  return pieces.join(`${CONTINUED_SUFFIX}/`);
}

function encodeSegment(segment: string): string {
  if (PLAIN.test(segment)) return segment;
  let encoded = "";
  for (const byte of Buffer.from(segment)) {
    const sign = String.fromCharCode(byte);
    if (/[a-z0-9_-]/.test(sign) || (sign === "." && encoded !== "")) encoded += sign;
    else if (/[A-Z]/.test(sign)) encoded += `!${sign.toLowerCase()}`;
    else encoded += `%${byte.toString(16).padStart(2, "0")}`;
  }
  return encoded;
}

function decodeSegment(encoded: string): string | undefined {
  if (encoded === "" || encoded === EMPTY_SEGMENT) return "";
  if (!ENCODED.test(encoded)) return undefined;
  const upper = encoded.replaceAll(/!([a-z])/g, (_, letter: string) => letter.toUpperCase());
  try {
    return decodeURIComponent(upper);
  } catch {
    // Not UTF-8, so not one of ours.
    return undefined;
  }
}
