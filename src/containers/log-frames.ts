/**
 * The engines' log stream: frames of an 8-byte head (stream, 0, 0, 0, length) and a payload, which
 * starts with a time because timestamps are asked for. A payload ends with a line end only if the line
 * ended there: Podman cuts lines at 8 KiB, Docker at 16.
 */
export interface LogFrame {
  readonly stream: "stdout" | "stderr";
  /** Milliseconds since the epoch. Podman 4 has whole seconds only. */
  readonly timeMs: number;
  readonly payload: Buffer;
}

const HEAD_BYTES = 8;
/** Far more than an engine writes at once: a larger length means that this is not a log stream. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** Of a log, with times. */
export async function* readLogFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<LogFrame> {
  for await (const { stream, payload } of readOutputFrames(chunks)) yield decodeFrame(stream, payload);
}

/** Of an attached container, without times. */
export async function* readOutputFrames(
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<Pick<LogFrame, "stream" | "payload">> {
  let pending: Buffer[] = [];
  let size = 0;
  let needed = HEAD_BYTES;
  for await (const chunk of chunks) {
    pending.push(chunk);
    size += chunk.length;
    if (size < needed) continue;
    let rest = pending.length === 1 ? chunk : Buffer.concat(pending);
    needed = HEAD_BYTES;
    while (rest.length >= HEAD_BYTES) {
      const length = rest.readUInt32BE(4);
      if (length > MAX_FRAME_BYTES) throw new Error(`a log frame of ${length} bytes`);
      needed = HEAD_BYTES + length;
      if (rest.length < needed) break;
      yield { stream: rest[0] === 2 ? "stderr" : "stdout", payload: rest.subarray(HEAD_BYTES, needed) };
      rest = rest.subarray(needed);
      needed = HEAD_BYTES;
    }
    pending = [rest];
    size = rest.length;
  }
}

function decodeFrame(stream: LogFrame["stream"], bytes: Buffer): LogFrame {
  const space = bytes.subarray(0, 64).indexOf(32);
  const timeMs = space === -1 ? Number.NaN : Date.parse(bytes.toString("latin1", 0, space));
  // A payload without a time is a message of the engine itself; it is kept.
  if (Number.isNaN(timeMs)) return { stream, timeMs: 0, payload: bytes };
  return { stream, timeMs, payload: bytes.subarray(space + 1) };
}
