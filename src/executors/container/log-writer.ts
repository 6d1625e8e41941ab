/**
 * From frames to lines in a LogSink, each exactly once. An engine's log can only be read from its
 * beginning with certainty (Podman 4 dates lines to the second and counts `since` its own way), so it is
 * always read from there, and what was written before is passed over:
 *
 * - in the same process by counting frames,
 * - after a restart by time. For that the times given to lines are a function of the log alone, and
 *   rise by at least 1 ms from line to line as long as a second has fewer than 1000 of them. In a
 *   denser second the last lines share a time; those that share the newest kept one count as kept.
 */
import type { LogSink } from "../../domain/attempt.ts";
import type { LogFrame } from "../../containers/log-frames.ts";
import { characterBoundary } from "../character-boundary.ts";

/** Longer lines are split here, so that one endless line cannot fill the memory. */
export const MAX_LINE_BYTES = 64 * 1024;

type OutputStream = LogFrame["stream"];

export class LogWriter {
  readonly #sink: LogSink;
  readonly #keptUntilMs: number;
  readonly #partial: Record<OutputStream, Buffer[]> = { stdout: [], stderr: [] };
  readonly #partialBytes: Record<OutputStream, number> = { stdout: 0, stderr: 0 };
  #lastMs = 0;
  #frames = 0;
  #lines = 0;
  #lastLine = "";

  constructor(sink: LogSink) {
    this.#sink = sink;
    this.#keptUntilMs = sink.lastAtMs ?? -1;
  }

  /** Frames taken so far: the next reading from the beginning passes over as many. */
  get frames(): number {
    return this.#frames;
  }

  /** Lines so far, those passed over included, and the last of them. */
  get lines(): number {
    return this.#lines;
  }

  get lastLine(): string {
    return this.#lastLine;
  }

  take(frame: LogFrame): void {
    this.#frames++;
    let start = 0;
    for (let end = frame.payload.indexOf(10); end !== -1; end = frame.payload.indexOf(10, start)) {
      this.#append(frame, frame.payload.subarray(start, end));
      this.#endLine(frame.stream, frame.timeMs);
      start = end + 1;
    }
    if (start < frame.payload.length) this.#append(frame, frame.payload.subarray(start));
  }

  /** After the last frame: lines without a line end are lines, too. */
  end(): void {
    for (const stream of ["stdout", "stderr"] as const) {
      if (this.#partialBytes[stream] > 0) this.#endLine(stream, this.#lastMs);
    }
  }

  #append({ stream, timeMs }: LogFrame, bytes: Buffer): void {
    let rest = bytes;
    while (this.#partialBytes[stream] + rest.length > MAX_LINE_BYTES) {
      const line = Buffer.concat([
        ...this.#partial[stream],
        rest.subarray(0, MAX_LINE_BYTES - this.#partialBytes[stream]),
      ]);
      const cut = characterBoundary(line);
      rest = Buffer.concat([line.subarray(cut), rest.subarray(MAX_LINE_BYTES - this.#partialBytes[stream])]);
      this.#partial[stream] = [line.subarray(0, cut)];
      this.#partialBytes[stream] = cut;
      this.#endLine(stream, timeMs);
    }
    if (rest.length === 0) return;
    // A copy: the frame is a view of a larger piece, which would be kept with it.
    this.#partial[stream].push(Buffer.from(rest));
    this.#partialBytes[stream] += rest.length;
  }

  #endLine(stream: OutputStream, timeMs: number): void {
    const parts = this.#partial[stream];
    const bytes = parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
    this.#partial[stream] = [];
    this.#partialBytes[stream] = 0;
    const text = bytes.toString();
    const line = text.endsWith("\r") ? text.slice(0, -1) : text;
    const atMs = this.#nextTime(timeMs);
    this.#lines++;
    this.#lastLine = line;
    if (atMs > this.#keptUntilMs) this.#sink.write(stream, line, atMs);
  }

  #nextTime(timeMs: number): number {
    const lastOfSecond = Math.floor(timeMs / 1000) * 1000 + 999;
    const risen = Math.min(Math.max(timeMs, this.#lastMs + 1), lastOfSecond);
    this.#lastMs = Math.max(risen, this.#lastMs);
    return this.#lastMs;
  }
}
