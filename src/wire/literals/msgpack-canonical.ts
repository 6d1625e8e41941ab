/**
 * Msgpack with every map's keys in order, for hashing: equal objects that were built in another
 * order get the same hash. Works on the bytes, because decoding would lose the difference between
 * the integer 1 and the float 1.0.
 */

/** Returns the bytes unchanged if they cannot be read. */
export function canonicalMsgpack(bytes: Uint8Array): Uint8Array {
  const reader = { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), at: 0 };
  try {
    const canonical = readValue(reader);
    return reader.at === bytes.length ? canonical : bytes;
  } catch (error) {
    if (error instanceof RangeError) return bytes;
    throw error;
  }
}

interface Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  at: number;
}

/** Bytes of the value after the format byte, for formats of a fixed size. */
const FIXED_SIZES: Readonly<Record<number, number>> = {
  0xc0: 0,
  0xc2: 0,
  0xc3: 0,
  0xca: 4,
  0xcb: 8,
  0xcc: 1,
  0xcd: 2,
  0xce: 4,
  0xcf: 8,
  0xd0: 1,
  0xd1: 2,
  0xd2: 4,
  0xd3: 8,
  0xd4: 2,
  0xd5: 3,
  0xd6: 5,
  0xd7: 9,
  0xd8: 17,
};

function readValue(reader: Reader): Uint8Array {
  const start = reader.at;
  const format = reader.view.getUint8(reader.at++);
  if (format < 0x80 || format >= 0xe0) return slice(reader, start);
  if (format < 0x90) return readMap(reader, start, format & 0x0f);
  if (format < 0xa0) return readArray(reader, start, format & 0x0f);
  if (format < 0xc0) return skip(reader, start, format & 0x1f);
  const fixed = FIXED_SIZES[format];
  if (fixed !== undefined) return skip(reader, start, fixed);
  switch (format) {
    case 0xc4:
    case 0xd9:
      return skip(reader, start, length(reader, 1));
    case 0xc5:
    case 0xda:
      return skip(reader, start, length(reader, 2));
    case 0xc6:
    case 0xdb:
      return skip(reader, start, length(reader, 4));
    case 0xc7:
      return skip(reader, start, length(reader, 1) + 1);
    case 0xc8:
      return skip(reader, start, length(reader, 2) + 1);
    case 0xc9:
      return skip(reader, start, length(reader, 4) + 1);
    case 0xdc:
      return readArray(reader, start, length(reader, 2));
    case 0xdd:
      return readArray(reader, start, length(reader, 4));
    case 0xde:
      return readMap(reader, start, length(reader, 2));
    case 0xdf:
      return readMap(reader, start, length(reader, 4));
    default:
      throw new RangeError("not msgpack");
  }
}

function length(reader: Reader, size: 1 | 2 | 4): number {
  const at = reader.at;
  reader.at += size;
  if (size === 1) return reader.view.getUint8(at);
  return size === 2 ? reader.view.getUint16(at) : reader.view.getUint32(at);
}

function skip(reader: Reader, start: number, size: number): Uint8Array {
  reader.at += size;
  return slice(reader, start);
}

function slice(reader: Reader, start: number): Uint8Array {
  if (reader.at > reader.bytes.length) throw new RangeError("the msgpack data ends early");
  return reader.bytes.subarray(start, reader.at);
}

function readArray(reader: Reader, start: number, count: number): Uint8Array {
  const parts = [slice(reader, start)];
  for (let index = 0; index < count; index++) parts.push(readValue(reader));
  return Buffer.concat(parts);
}

function readMap(reader: Reader, start: number, count: number): Uint8Array {
  const header = slice(reader, start);
  const entries: (readonly [Uint8Array, Uint8Array])[] = [];
  for (let index = 0; index < count; index++) entries.push([readValue(reader), readValue(reader)]);
  entries.sort(([a], [b]) => Buffer.compare(a, b));
  return Buffer.concat([header, ...entries.flat()]);
}
