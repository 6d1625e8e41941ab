/**
 * Reads zip archives that are whole in memory, as wheels are: stored and deflated files, without encryption, parts or
 * ZIP64. By APPNOTE 6.3.10 (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), sections 4.3.7, 4.3.12 and 4.3.16.
 */
import { promisify } from "node:util";
import { crc32, inflateRaw } from "node:zlib";

export interface ZipFile {
  /** With `/` between its parts; nothing is known of what they are. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly isSymbolicLink: boolean;
  /** Decompressed and checked. Throws an Error where it is damaged. */
  read(): Promise<Buffer>;
}

const END = { signature: 0x06054b50, bytes: 22, longestComment: 0xffff } as const;
const CENTRAL = { signature: 0x02014b50, bytes: 46 } as const;
const LOCAL = { signature: 0x04034b50, bytes: 30 } as const;
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 0x1;
const FILE_TYPE = 0o170000;
const SYMBOLIC_LINK = 0o120000;
/** A 16-bit and a 32-bit field with this value stand in a ZIP64 record. */
const IN_ZIP64 = [0xffff, 0xffffffff];

const inflate = promisify<Buffer, { maxOutputLength: number }, Buffer>(inflateRaw);

/** Its files, without directories. Throws an Error where the archive is damaged or of a kind that is not read. */
export function readZip(archive: Buffer): ZipFile[] {
  const end = endOf(archive);
  const count = archive.readUInt16LE(end + 10);
  let at = archive.readUInt32LE(end + 16);
  if ([count, at].some((value) => IN_ZIP64.includes(value))) throw new Error("ZIP64 archives are not read");
  const files: ZipFile[] = [];
  for (let index = 0; index < count; index++) {
    const header = part(archive, at, CENTRAL.bytes);
    if (header.readUInt32LE(0) !== CENTRAL.signature) throw new Error("its directory is damaged");
    const nameBytes = header.readUInt16LE(28);
    const name = part(archive, at + CENTRAL.bytes, nameBytes).toString("utf8");
    at += CENTRAL.bytes + nameBytes + header.readUInt16LE(30) + header.readUInt16LE(32);
    if (name.endsWith("/")) continue;
    const size = header.readUInt32LE(24);
    files.push({
      name,
      size,
      isSymbolicLink: ((header.readUInt32LE(38) >>> 16) & FILE_TYPE) === SYMBOLIC_LINK,
      read: () => contentOf(archive, header, name, size),
    });
  }
  return files;
}

/** Where the record at the end begins: before a comment of unknown length. */
function endOf(archive: Buffer): number {
  const first = Math.max(0, archive.length - END.bytes - END.longestComment);
  for (let at = archive.length - END.bytes; at >= first; at--)
    if (archive.readUInt32LE(at) === END.signature) return at;
  throw new Error("it is no zip archive, or its end is missing");
}

async function contentOf(archive: Buffer, header: Buffer, name: string, size: number): Promise<Buffer> {
  const at = header.readUInt32LE(42);
  const local = part(archive, at, LOCAL.bytes);
  if (local.readUInt32LE(0) !== LOCAL.signature) throw new Error(`${name} is damaged`);
  if ((header.readUInt16LE(8) & ENCRYPTED) !== 0) throw new Error(`${name} is encrypted`);
  const from = at + LOCAL.bytes + local.readUInt16LE(26) + local.readUInt16LE(28);
  const raw = part(archive, from, header.readUInt32LE(20));
  const content = await decompress(header.readUInt16LE(10), raw, size, name);
  if (content.length !== size || crc32(content) !== header.readUInt32LE(16))
    throw new Error(`${name} is damaged`);
  return content;
}

async function decompress(method: number, raw: Buffer, size: number, name: string): Promise<Buffer> {
  if (method === STORED) return raw;
  if (method !== DEFLATED) throw new Error(`${name} is compressed with method ${method}, which is not read`);
  // Zlib takes no limit of 0.
  return size === 0 ? Buffer.alloc(0) : inflate(raw, { maxOutputLength: size });
}

function part(archive: Buffer, from: number, bytes: number): Buffer {
  if (from + bytes > archive.length) throw new Error("it is cut off");
  return archive.subarray(from, from + bytes);
}
