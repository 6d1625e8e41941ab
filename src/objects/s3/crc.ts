/**
 * The cyclic checksums that Node does not have, byte by byte with a table, and how the checksum of a
 * whole follows from those of its parts.
 * CRC-32C: RFC 3720, appendix B.4. CRC-64/NVME: NVM Command Set 1.0, section 5.2.1.3.4.
 */
export interface Crc {
  update(data: Uint8Array): void;
  digest(): Buffer;
}

/** Polynomials as their low-order-first bits, which is how all of these checksums are computed. */
export const CRC_POLYNOMIALS = {
  CRC32: { width: 32, polynomial: 0xedb88320n },
  CRC32C: { width: 32, polynomial: 0x82f63b78n },
  CRC64NVME: { width: 64, polynomial: 0x9a6c9329ac4bc9b5n },
} as const;

export type CrcName = keyof typeof CRC_POLYNOMIALS;

let table32c: Uint32Array | undefined;
let table64: { low: Uint32Array; high: Uint32Array } | undefined;

export function createCrc32c(): Crc {
  table32c ??= lowHalf(CRC_POLYNOMIALS.CRC32C.polynomial);
  const table = table32c;
  let crc = 0xffffffff;
  return {
    update: (data) => {
      let state = crc;
      for (const byte of data) state = (table[(state ^ byte) & 0xff] ?? 0) ^ (state >>> 8);
      crc = state;
    },
    digest: () => {
      const value = Buffer.alloc(4);
      value.writeUInt32BE((crc ^ 0xffffffff) >>> 0);
      return value;
    },
  };
}

/** In two halves: numbers are exact to 53 bits only, and BigInt is far too slow for content. */
export function createCrc64Nvme(): Crc {
  const { polynomial } = CRC_POLYNOMIALS.CRC64NVME;
  table64 ??= { low: lowHalf(polynomial), high: highHalf(polynomial) };
  const tables = table64;
  let low = 0xffffffff;
  let high = 0xffffffff;
  return {
    update: (data) => {
      let l = low;
      let h = high;
      for (const byte of data) {
        const index = (l ^ byte) & 0xff;
        l = ((l >>> 8) | (h << 24)) ^ (tables.low[index] ?? 0);
        h = (h >>> 8) ^ (tables.high[index] ?? 0);
      }
      low = l;
      high = h;
    },
    digest: () => {
      const value = Buffer.alloc(8);
      value.writeUInt32BE((high ^ 0xffffffff) >>> 0, 0);
      value.writeUInt32BE((low ^ 0xffffffff) >>> 0, 4);
      return value;
    },
  };
}

/**
 * The checksum of A followed by B, from those of A and B and the length of B in bytes. A's is moved past
 * B: multiplied by x to the power of B's bits, modulo the polynomial. (zlib's crc32_combine does the same.)
 */
export function combineCrc(name: CrcName, a: Uint8Array, b: Uint8Array, lengthOfB: number): Buffer {
  const { width } = CRC_POLYNOMIALS[name];
  let moved = toBigInt(a);
  // x^8, x^16, x^32, …: the highest bit stands for x^0.
  let power = 1n << BigInt(width - 1 - 8);
  for (let bits = lengthOfB; bits > 0; bits = Math.floor(bits / 2)) {
    if (bits % 2 === 1) moved = multiply(name, moved, power);
    power = multiply(name, power, power);
  }
  const combined = moved ^ toBigInt(b);
  return Buffer.from(combined.toString(16).padStart(width / 4, "0"), "hex");
}

function multiply(name: CrcName, a: bigint, b: bigint): bigint {
  const { width, polynomial } = CRC_POLYNOMIALS[name];
  let product = 0n;
  let shifted = b;
  for (let bit = width - 1; bit >= 0; bit--) {
    if ((a >> BigInt(bit)) & 1n) product ^= shifted;
    shifted = shifted & 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n;
  }
  return product;
}

function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

function lowHalf(polynomial: bigint): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => Number(tableEntry(byte, polynomial) & 0xffffffffn));
}

function highHalf(polynomial: bigint): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => Number(tableEntry(byte, polynomial) >> 32n));
}

function tableEntry(byte: number, polynomial: bigint): bigint {
  let value = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n;
  return value;
}
