/** Writes msgpack, byte by byte. */
import { ValueError } from "./errors.ts";

/** Grows a buffer; one method per msgpack type, always in the shortest form, as Python's encoder does. */
export class Writer {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  nil(): void {
    this.#byte(0xc0);
  }

  boolean(value: boolean): void {
    this.#byte(value ? 0xc3 : 0xc2);
  }

  float(value: number): void {
    this.#byte(0xcb);
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value);
    this.#length += 8;
  }

  integer(value: bigint, path: string): void {
    if (value >= 0n) {
      if (value < 0x80n) return this.#byte(Number(value));
      if (value <= 0xffn) return this.#sized(0xcc, 1, value);
      if (value <= 0xffffn) return this.#sized(0xcd, 2, value);
      if (value <= 0xffffffffn) return this.#sized(0xce, 4, value);
      if (value <= 0xffffffffffffffffn) return this.#sized(0xcf, 8, value);
    } else {
      if (value >= -32n) return this.#byte(Number(value) & 0xff);
      if (value >= -0x80n) return this.#sized(0xd0, 1, value);
      if (value >= -0x8000n) return this.#sized(0xd1, 2, value);
      if (value >= -0x80000000n) return this.#sized(0xd2, 4, value);
      if (value >= -0x8000000000000000n) return this.#sized(0xd3, 8, value);
    }
    throw new ValueError(`${path}: ${value} does not fit 64 bits`);
  }

  string(value: string): void {
    const text = Buffer.from(value, "utf8");
    if (text.length < 32) this.#byte(0xa0 | text.length);
    else this.#header(text.length, 0xd9, 0xda, 0xdb);
    this.raw(text);
  }

  binary(value: Uint8Array): void {
    this.#header(value.length, 0xc4, 0xc5, 0xc6);
    this.raw(value);
  }

  arrayHeader(length: number): void {
    if (length < 16) this.#byte(0x90 | length);
    else this.#header(length, undefined, 0xdc, 0xdd);
  }

  mapHeader(length: number): void {
    if (length < 16) this.#byte(0x80 | length);
    else this.#header(length, undefined, 0xde, 0xdf);
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #header(length: number, eight: number | undefined, sixteen: number, thirtyTwo: number): void {
    if (eight !== undefined && length <= 0xff) return this.#sized(eight, 1, BigInt(length));
    if (length <= 0xffff) return this.#sized(sixteen, 2, BigInt(length));
    this.#sized(thirtyTwo, 4, BigInt(length));
  }

  #sized(prefix: number, size: 1 | 2 | 4 | 8, value: bigint): void {
    this.#byte(prefix);
    this.#reserve(size);
    const unsigned = BigInt.asUintN(size * 8, value);
    for (let index = 0; index < size; index++) {
      this.#bytes[this.#length + index] = Number((unsigned >> BigInt(8 * (size - 1 - index))) & 0xffn);
    }
    this.#length += size;
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  #reserve(extra: number): void {
    if (this.#length + extra <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + extra));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
