/** Writes zip archives, also ones that a careful reader refuses. */
import { crc32, deflateRawSync } from "node:zlib";

export interface ZipContent {
  readonly name: string;
  readonly content: string | Buffer;
  /** @default deflated */
  readonly stored?: boolean;
  /** Of the file, with its type, as in `stat`. @default 0o100644 */
  readonly mode?: number;
  /** @default that of the content */
  readonly crc?: number;
  /** @default 0 */
  readonly flags?: number;
}

export function writeZip(files: readonly ZipContent[], comment = ""): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const { name, content, stored = false, mode = 0o100644, crc, flags = 0 } of files) {
    const bytes = Buffer.from(content);
    const raw = stored ? bytes : deflateRawSync(bytes);
    const encoded = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(stored ? 0 : 8, 4);
    common.writeUInt32LE(crc ?? crc32(bytes), 10);
    common.writeUInt32LE(raw.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(encoded.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, encoded, raw]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE((mode << 16) >>> 0, 6);
    rest.writeUInt32LE(offset, 10);
    centrals.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\x03"), common, rest, encoded]));
    locals.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  end.writeUInt16LE(comment.length, 16);
  return Buffer.concat([...locals, directory, Buffer.from("PK\x05\x06"), end, Buffer.from(comment)]);
}
