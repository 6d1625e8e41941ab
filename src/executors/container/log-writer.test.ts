import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogSink } from "../../domain/attempt.ts";
import { readLogFrames } from "../../containers/log-frames.ts";
import { LogWriter, MAX_LINE_BYTES } from "./log-writer.ts";

function frame(stream: 1 | 2, time: string, payload: string | Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(`${time} `), Buffer.from(payload)]);
  const head = Buffer.alloc(8);
  head[0] = stream;
  head.writeUInt32BE(body.length, 4);
  return Buffer.concat([head, body]);
}

type Written = [stream: string, line: string, atMs: number];

function memorySink(lastAtMs?: number): LogSink & { readonly written: Written[] } {
  const written: Written[] = [];
  return {
    written,
    lastAtMs,
    write: (stream, line, atMs) => void written.push([stream, line, atMs]),
    flush: async () => {},
  };
}

async function write(sink: LogSink, bytes: Buffer, chunkBytes = bytes.length || 1): Promise<LogWriter> {
  const writer = new LogWriter(sink);
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  }
  for await (const next of readLogFrames(chunks())) writer.take(next);
  writer.end();
  return writer;
}

const T = "2026-01-02T03:04:05Z";
const T_MS = Date.parse(T);

test("frames are put together from chunks of any size, lines keep their stream and order", async () => {
  const bytes = Buffer.concat([
    frame(1, T, "one\n"),
    frame(2, T, "err\r\n"),
    frame(1, T, "par"),
    frame(1, T, "tial\n"),
    frame(1, T, "\n"),
    frame(1, T, "no line end"),
  ]);
  for (const size of [1, 2, 3, 7, 8, 9, 31, bytes.length]) {
    const sink = memorySink();
    await write(sink, bytes, size);
    assert.deepEqual(sink.written, [
      ["stdout", "one", T_MS],
      ["stderr", "err", T_MS + 1],
      ["stdout", "partial", T_MS + 2],
      ["stdout", "", T_MS + 3],
      ["stdout", "no line end", T_MS + 4],
    ]);
  }
});

test("long lines are split at the limit, never inside a character", async () => {
  const sink = memorySink();
  const text = `x${"é".repeat(MAX_LINE_BYTES)}`;
  await write(sink, Buffer.concat([frame(1, T, `${text}\n`), frame(1, T, "next\n")]));
  const lines = sink.written.map(([, line]) => line);
  assert.equal(lines.slice(0, -1).join(""), text);
  assert.equal(lines.at(-1), "next");
  for (const line of lines) assert.ok(Buffer.byteLength(line) <= MAX_LINE_BYTES);
  assert.equal(lines.length, 4);
});

test("a second reading goes on exactly behind the newest kept line", async () => {
  const times = [
    "2026-01-02T03:04:05Z",
    "2026-01-02T03:04:05Z",
    "2026-01-02T03:04:05.4Z",
    "2026-01-02T03:04:06.000000001Z",
  ];
  const bytes = Buffer.concat(
    times.flatMap((time, i) => [frame(1, time, `out ${i}\n`), frame(2, time, `err ${i}\n`)]),
  );
  const whole = memorySink();
  await write(whole, bytes);
  for (let kept = 0; kept <= whole.written.length; kept++) {
    const resumed = memorySink(whole.written[kept - 1]?.[2]);
    await write(resumed, bytes);
    assert.deepEqual(resumed.written, whole.written.slice(kept));
  }
});

test("times never fall, and never leave their second", async () => {
  const sink = memorySink();
  const dense = Array.from({ length: 1500 }, (_, i) => frame(1, T, `${i}\n`));
  await write(sink, Buffer.concat([...dense, frame(1, "2026-01-02T03:04:04Z", "clock set back\n")]));
  const times = sink.written.map(([, , atMs]) => atMs);
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
  );
  assert.equal(times.at(-1), T_MS + 999);
});
