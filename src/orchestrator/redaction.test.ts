/** What a container writes reaches its log without the secrets of its attempt, however it is cut on its way. */
import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { test } from "node:test";
import type { AttemptKey, LogSink } from "../domain/attempt.ts";
import type { AttemptObserver, AttemptSpec, Executor } from "../executors/executor.ts";
import { readLogFrames } from "../containers/log-frames.ts";
import { LogWriter, MAX_LINE_BYTES } from "../executors/container/log-writer.ts";
import { createRedactor, SHORTEST_PART } from "../lib/redact.ts";
import { redactingExecutor } from "./redaction.ts";

const KEY: AttemptKey = { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 };
const newSecret = () => randomBytes(64).toString("base64url");

/** What `work` writes and reports by way of the redacting executor. */
async function captured(secret: string, work: (sink: LogSink, observer: AttemptObserver) => Promise<void>) {
  const lines: string[] = [];
  const reports: unknown[] = [];
  const start = async (_spec: AttemptSpec, sink: LogSink, observer: AttemptObserver) => work(sink, observer);
  const executor = redactingExecutor({ start } as Partial<Executor> as Executor, (key) => {
    assert.deepEqual(key, KEY);
    return createRedactor([secret]);
  });
  const report = (...values: unknown[]) => void reports.push(values);
  await executor.start(
    { key: KEY } as AttemptSpec,
    { lastAtMs: undefined, flush: async () => {}, write: (_stream, line) => void lines.push(line) },
    { progress: report, prepared: report, waiting: report, started: report, ended: report },
  );
  return { lines, reports };
}

/** The engine's stream of a container that wrote these pieces, in chunks that end anywhere. */
async function* framesOf(pieces: readonly string[]): AsyncIterable<Buffer> {
  const frames = pieces.map((piece) => {
    const payload = Buffer.from(`2026-01-02T03:04:05Z ${piece}`);
    const head = Buffer.alloc(8);
    head[0] = 1;
    head.writeUInt32BE(payload.length, 4);
    return Buffer.concat([head, payload]);
  });
  const bytes = Buffer.concat(frames);
  for (let at = 0; at < bytes.length;) {
    const end = at + randomInt(1, 4_096);
    yield bytes.subarray(at, end);
    at = end;
  }
}

const cutAnywhere = (text: string, cuts: number) => {
  const at = [0, ...Array.from({ length: cuts }, () => randomInt(text.length)), text.length].toSorted(
    (a, b) => a - b,
  );
  return at.slice(1).map((end, index) => text.slice(at[index], end));
};

test("a secret that is written in several writes, or lies where a long line is cut, is not in the log", async () => {
  for (let round = 0; round < 200; round++) {
    const secret = newSecret();
    const isLong = round % 4 === 0;
    const before = "x".repeat(isLong ? MAX_LINE_BYTES - randomInt(secret.length + 20) : randomInt(100));
    const text = `${before}${secret} after\nnext line\n`;
    const { lines } = await captured(secret, async (sink) => {
      const writer = new LogWriter(sink);
      for await (const frame of readLogFrames(framesOf(cutAnywhere(text, randomInt(6))))) writer.take(frame);
      writer.end();
    });
    for (const line of lines)
      for (let at = 0; at + SHORTEST_PART <= secret.length; at++)
        assert.ok(!line.includes(secret.slice(at, at + SHORTEST_PART)));
    assert.match(lines.join(""), /^x*[^]*\*\*\*[^]* afternext line$/u);
    if (!isLong) assert.deepEqual(lines, [`${before}*** after`, "next line"]);
  }
});

test("what is reported of an attempt is redacted too", async () => {
  const secret = newSecret();
  const { reports } = await captured(secret, async (_sink, observer) => {
    observer.progress(`pulling ${secret}`);
    observer.waiting(`for ${secret}`);
    observer.started(5);
    observer.ended({ reason: "lost", outOfMemory: false, message: `in ${secret}`, hint: `see ${secret}` });
  });
  assert.deepEqual(reports, [
    ["pulling ***"],
    ["for ***"],
    [5],
    [{ reason: "lost", outOfMemory: false, message: "in ***", hint: "see ***" }],
  ]);
});
