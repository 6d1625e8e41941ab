import { S3Error } from "./s3-error.ts";

const MAX_LINE_BYTES = 16 * 1024;
const LINE_FEED = 0x0a;

/** Lines and counted bytes from a stream, in the memory of one of its chunks. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Without its end, which is CRLF. Throws IncompleteBody, InvalidRequest. */
  async line(): Promise<string> {
    let line = Buffer.alloc(0);
    for (;;) {
      const end = this.#rest.indexOf(LINE_FEED);
      const part = end === -1 ? this.#rest : this.#rest.subarray(0, end);
      line = Buffer.concat([line, part]);
      if (line.length > MAX_LINE_BYTES)
        throw new S3Error("InvalidRequest", "A line of the body's framing is too long.");
      if (end !== -1) {
        this.#rest = this.#rest.subarray(end + 1);
        return line.toString("latin1").replace(/\r$/, "");
      }
      await this.#read();
    }
  }

  /** The next `count` bytes. Throws IncompleteBody. */
  async *take(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0;) {
      if (this.#rest.length === 0) await this.#read();
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      if (part.length > 0) yield part;
    }
  }

  async stop(): Promise<void> {
    await this.#source.return?.();
  }

  async #read(): Promise<void> {
    const next = await this.#source.next();
    if (next.done === true) throw new S3Error("IncompleteBody", "The body ends before its last chunk.");
    this.#rest = next.value;
  }
}
