/** Lines of the audit log that are not in its file yet, in their order. */
import { writeWhole, type DayFile } from "./day-file.ts";

export class UnwrittenLines {
  readonly #maxBytes: number;
  readonly #lines: Uint8Array[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#lines.length;
  }

  /** False where it does not fit. */
  add(line: Uint8Array): boolean {
    if (this.#bytes + line.length > this.#maxBytes) return false;
    this.#lines.push(line);
    this.#bytes += line.length;
    return true;
  }

  /** Throws what the file throws. A line of which a part was written is kept, and written again as a whole. */
  writeTo(file: DayFile): void {
    let written = 0;
    try {
      for (const line of this.#lines) {
        writeWhole(file, line);
        written++;
      }
    } finally {
      for (const line of this.#lines.splice(0, written)) this.#bytes -= line.length;
    }
  }
}
