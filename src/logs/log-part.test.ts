import assert from "node:assert/strict";
import { appendFile, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { LOG_END, PART_BYTES, PART_LINES, readPart, type LogPart, type LogRange } from "./log-part.ts";

async function fileOf(t: TestContext, content: string | Buffer): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-part-"));
  t.after(() => rm(directory, { recursive: true }));
  const file = join(directory, "1.log");
  await writeFile(file, content);
  return file;
}

async function part(file: string, range: LogRange): Promise<LogPart> {
  return (await readPart(file, range)) ?? assert.fail("there is a log");
}

const textsOf = ({ lines }: LogPart) => lines.map(({ text }) => text);
/** One of three is an empty line, some are long, and all differ in length. */
const TEXTS = Array.from({ length: 5_000 }, (_, n) =>
  n % 3 === 0 ? "" : `${n} ${"é".repeat(n % 997 === 0 ? 80_000 : n % 50)}`,
);
const LOG = TEXTS.map((text, n) => `${n} ${n % 2 === 0 ? "o" : "e"} ${text}\n`).join("");

test("the end is the end: its last lines, none left out, and it has not read more", async (t) => {
  const file = await fileOf(t, LOG);
  const end = await part(file, LOG_END);
  assert.deepEqual(textsOf(end), TEXTS.slice(-end.lines.length));
  assert.ok(end.lines.length > 100 && end.lines.length <= PART_LINES);
  assert.deepEqual([end.end, end.isEnd, end.size], [Buffer.byteLength(LOG), true, Buffer.byteLength(LOG)]);
  assert.ok(end.end - end.start <= PART_BYTES + 200_000);
});

test("parts from the beginning on, and from the end back, are the log", async (t) => {
  const file = await fileOf(t, LOG);
  const onwards: string[] = [];
  for (let from = 0, isEnd = false; !isEnd;) {
    const next = await part(file, { from });
    assert.equal(next.start, from);
    onwards.push(...textsOf(next));
    ({ end: from, isEnd } = next);
  }
  assert.deepEqual(onwards, TEXTS);
  const backwards: string[] = [];
  for (let until = Number.MAX_SAFE_INTEGER; until > 0;) {
    const before = await part(file, { until });
    assert.ok(before.end === until || before.isEnd);
    backwards.unshift(...textsOf(before));
    until = before.start;
  }
  assert.deepEqual(backwards, TEXTS);
});

test("a position within a line means the line after it, or before it", async (t) => {
  const file = await fileOf(t, "1 o one\n2 o two\n3 o three\n");
  assert.deepEqual(textsOf(await part(file, { from: 3 })), ["two", "three"]);
  assert.deepEqual(textsOf(await part(file, { from: 8 })), ["two", "three"]);
  assert.deepEqual(textsOf(await part(file, { until: 17 })), ["one", "two"]);
  assert.deepEqual(textsOf(await part(file, { until: 3 })), []);
  assert.deepEqual(textsOf(await part(file, { from: 1_000 })), []);
  assert.deepEqual(textsOf(await part(file, { until: 1_000, notBefore: 16 })), ["three"]);
  assert.deepEqual((await part(file, LOG_END)).lines[1], { at: 8, atMs: 2, stream: "stdout", text: "two" });
});

test("a line that is not whole yet is left out, and part of the next read", async (t) => {
  const file = await fileOf(t, "1 o one\n2 o tw");
  const first = await part(file, LOG_END);
  assert.deepEqual([textsOf(first), first.end, first.isEnd], [["one"], 8, true]);
  await appendFile(file, "o\n");
  assert.deepEqual(textsOf(await part(file, { ...LOG_END, notBefore: first.end })), ["two"]);
});

test("a line longer than a part is whole", async (t) => {
  const file = await fileOf(t, `1 o before\n2 o ${"A".repeat(3_000_000)}\n3 o after\n`);
  const lengths = async (range: LogRange) => textsOf(await part(file, range)).map(({ length }) => length);
  const end = await part(file, LOG_END);
  assert.deepEqual(textsOf(end), ["after"]);
  assert.deepEqual(await lengths({ until: end.start }), [6, 3_000_000]);
  assert.deepEqual(await lengths({ from: 11 }), [3_000_000, 5]);
});

test("an empty log has an empty part, and a missing one none", async (t) => {
  const file = await fileOf(t, "");
  assert.deepEqual(await part(file, LOG_END), { lines: [], start: 0, end: 0, isEnd: true, size: 0 });
  assert.equal(await readPart(`${file}.none`, LOG_END), undefined);
});

test("the end of a large log is read from its end", async (t) => {
  // What is before it would be an error to read as text: it is longer than a string can be.
  const file = await fileOf(t, "");
  await truncate(file, 2 ** 30);
  await appendFile(file, `\n${Array.from({ length: 2_000 }, (_, n) => `${n} o ${n}\n`).join("")}`);
  const end = await part(file, LOG_END);
  assert.deepEqual(
    textsOf(end),
    Array.from({ length: PART_LINES }, (_, n) => String(1_000 + n)),
  );
});
