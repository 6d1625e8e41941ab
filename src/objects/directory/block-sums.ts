/**
 * A checksum for each block of a file, kept beside the content: what is read is checked block by block, so nothing of
 * a damaged block leaves the store, whether a whole object is read or a range of it.
 */
import { crc32 } from "node:zlib";

export const BLOCK_BYTES = 256 * 1024;
const SUM_BYTES = 4;

/** Computes the checksums of what is passed to `update`. */
export class BlockSums {
  readonly #sums: number[] = [];
  #sum = 0;
  #filled = 0;

  update(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + BLOCK_BYTES - this.#filled);
      this.#sum = crc32(piece, this.#sum);
      this.#filled += piece.length;
      at += piece.length;
      if (this.#filled === BLOCK_BYTES) this.#endBlock();
    }
  }

  /** CRC-32 of each block, 32 bits, big-endian; in base64. */
  encoded(): string {
    if (this.#filled > 0) this.#endBlock();
    const bytes = Buffer.alloc(this.#sums.length * SUM_BYTES);
    for (const [block, sum] of this.#sums.entries()) bytes.writeUInt32BE(sum, block * SUM_BYTES);
    return bytes.toString("base64");
  }

  #endBlock(): void {
    this.#sums.push(this.#sum);
    this.#sum = 0;
    this.#filled = 0;
  }
}

/** Whether a block is what was written, by the result of `encoded`; false also where it has no sum. */
export function blockChecker(encoded: string): (block: number, content: Uint8Array) => boolean {
  const sums = Buffer.from(encoded, "base64");
  return (block, content) => {
    const at = block * SUM_BYTES;
    return at + SUM_BYTES <= sums.length && sums.readUInt32BE(at) === crc32(content);
  };
}
