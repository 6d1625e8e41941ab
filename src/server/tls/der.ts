/** The few types of DER (ITU-T X.690) that a certificate needs. Values only: nothing is parsed here. */

const TAG = { integer: 0x02, octets: 0x04, utf8: 0x0c, sequence: 0x30, set: 0x31 } as const;

/** One element: its tag, its length, its content. */
function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag]), lengthOf(body.length), body]);
}

/** Up to 127 in one byte; beyond, the number of bytes that follow comes first. */
function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const digits = length.toString(16);
  const bytes = Buffer.from(digits.padStart(digits.length + (digits.length % 2), "0"), "hex");
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes]);
}

export const sequence = (...items: readonly Uint8Array[]): Buffer => element(TAG.sequence, ...items);
export const set = (...items: readonly Uint8Array[]): Buffer => element(TAG.set, ...items);
export const octetString = (content: Uint8Array): Buffer => element(TAG.octets, content);
export const utf8String = (text: string): Buffer => element(TAG.utf8, Buffer.from(text));
export const TRUE: Buffer = Buffer.from([0x01, 0x01, 0xff]);

/** Not negative; at least one byte. */
export function integer(bytes: Uint8Array): Buffer {
  // A first bit that is set would be a minus sign.
  const isSigned = ((bytes[0] ?? 0) & 0x80) !== 0;
  return element(TAG.integer, Buffer.from(isSigned ? [0] : []), bytes);
}

/** `unused`: bits at the end of the last byte that do not count. */
export function bitString(content: Uint8Array, unused = 0): Buffer {
  return element(0x03, Buffer.from([unused]), content);
}

/** A name in dotted decimal numbers, e.g. "2.5.29.17". */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return element(0x06, Buffer.from([40 * first + second, ...rest.flatMap(base128)]));
}

/** Seven bits a byte; all but the last have the first bit set. */
function base128(number: number): number[] {
  const bytes = [number & 0x7f];
  for (let left = number >> 7; left > 0; left >>= 7) bytes.unshift((left & 0x7f) | 0x80);
  return bytes;
}

/** In whole seconds of UTC: UTCTime, with two digits for the year, up to 2049 (RFC 5280, section 4.1.2.5). */
export function time(ms: number): Buffer {
  const digits = `${new Date(ms).toISOString().replaceAll(/\.\d+|\D/gu, "")}Z`;
  return digits < "2050" ? element(0x17, Buffer.from(digits.slice(2))) : element(0x18, Buffer.from(digits));
}

/** An element that its number in the enclosing one identifies, instead of its type. */
export function tagged(number: number, content: Uint8Array, isConstructed: boolean): Buffer {
  return element(0x80 | (isConstructed ? 0x20 : 0) | number, content);
}
