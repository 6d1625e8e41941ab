/** What is known of a content once all of it has come, however it is stored. */
import { createHash } from "node:crypto";
import { BlockSums } from "./block-sums.ts";
import type { Sealing } from "./encryption.ts";

export interface WrittenContent {
  readonly size: number;
  readonly md5: Buffer;
  /** Checksums of what is on the disk (block-sums.ts). */
  readonly blocks: string;
}

/** Takes a content piece by piece. With a sealing what is stored is encrypted. */
export class ContentWriter {
  readonly #sealing: Sealing | undefined;
  readonly #hash = createHash("md5");
  readonly #sums = new BlockSums();
  #size = 0;

  constructor(sealing: Sealing | undefined) {
    this.#sealing = sealing;
  }

  /** What is to be stored of the piece. */
  add(piece: Uint8Array): Uint8Array {
    const stored = this.#sealing === undefined ? piece : this.#sealing.encrypt(piece);
    this.#hash.update(piece);
    this.#sums.update(stored);
    this.#size += piece.length;
    return stored;
  }

  end(): WrittenContent {
    return { size: this.#size, md5: this.#hash.digest(), blocks: this.#sums.encoded() };
  }
}
