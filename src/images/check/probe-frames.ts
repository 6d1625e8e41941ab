/**
 * The lines of a probe among whatever else a container writes. Each is `NONCE KEY VALUE`, with a nonce that is new for
 * each container. Nothing of the image is trusted: lines, their length and their number are bounded, and control
 * characters are replaced.
 */

export interface ProbeFrame {
  readonly key: string;
  readonly value: string;
}

/** Longer values are cut. */
export const MAX_VALUE_CHARS = 1_024;
/** Of all lines of a probe; what follows is not read. */
const MAX_TOTAL_CHARS = 256 * 1_024;
/** Longer lines are no lines of a probe. */
const MAX_LINE_CHARS = 8 * 1_024;
/** Of other output, so that a container that never stops writing is not read for ever. */
export const MAX_OUTPUT_BYTES = 8 * 1_024 * 1_024;

export class ProbeFrames {
  readonly frames: ProbeFrame[] = [];
  readonly #mark: string;
  readonly #decoder = new TextDecoder();
  #rest = "";
  #isSkipping = false;
  #chars = 0;
  #bytes = 0;
  #lastLine = "";

  constructor(nonce: string) {
    this.#mark = `${nonce} `;
  }

  /** Whether enough was read: more output changes nothing. */
  get isFull(): boolean {
    return this.#chars >= MAX_TOTAL_CHARS || this.#bytes >= MAX_OUTPUT_BYTES;
  }

  /** The last line that is none of the probe: what an ENTRYPOINT says. */
  get lastLine(): string {
    return this.#lastLine;
  }

  push(bytes: Uint8Array): void {
    if (this.isFull) return;
    this.#bytes += bytes.length;
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#take(line);
    if (this.#rest.length <= MAX_LINE_CHARS) return;
    this.#isSkipping = true;
    this.#rest = "";
  }

  end(): void {
    this.#take(this.#rest);
    this.#rest = "";
  }

  #take(line: string): void {
    // The end of a line whose beginning was too long.
    if (this.#isSkipping) {
      this.#isSkipping = false;
      return;
    }
    if (this.isFull || line.length > MAX_LINE_CHARS) return;
    // An ENTRYPOINT may have written something without a line break before it.
    const at = line.indexOf(this.#mark);
    if (at === -1) {
      const text = printable(line).trim();
      if (text !== "") this.#lastLine = text;
      return;
    }
    const [key = "", ...words] = line.slice(at + this.#mark.length).split(" ");
    const value = printable(words.join(" "));
    this.#chars += key.length + value.length;
    this.frames.push({ key: key.slice(0, 32), value });
  }
}

/** Without control characters, and not longer than a value may be. */
export function printable(text: string): string {
  return text
    .slice(0, MAX_VALUE_CHARS)
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\uFFFD");
}
