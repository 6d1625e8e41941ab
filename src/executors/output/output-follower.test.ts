import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { systemClock } from "../../lib/clock.ts";
import { followOutput } from "./output-follower.ts";

function memorySink(lastAtMs?: number, flush: () => Promise<void> = async () => {}) {
  const lines: string[] = [];
  return { lines, lastAtMs, flush, write: (_: string, line: string) => void lines.push(line) };
}

test("a follower goes on where the one before it was; without a readable offset, at the start", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, "stdout"), "one\ntwo\n");
  const first = memorySink();
  await (await followOutput(directory, first, systemClock)).read();
  assert.deepEqual(first.lines, ["one", "two"]);

  await writeFile(join(directory, "stdout"), "one\ntwo\nthree\n");
  const second = memorySink(1);
  await (await followOutput(directory, second, systemClock)).read();
  assert.deepEqual(second.lines, ["three"]);

  await writeFile(join(directory, "offsets.json"), '{"stdo');
  const third = memorySink(1);
  await (await followOutput(directory, third, systemClock)).read();
  assert.deepEqual(third.lines, ["one", "two", "three"]);
});

test("the offset is on disk after the lines", async (t) => {
  const directory = await temporaryDirectory(t);
  const offsets = join(directory, "offsets.json");
  await writeFile(join(directory, "stdout"), "one\n");
  const seen: boolean[] = [];
  const sink = memorySink(undefined, async () => void seen.push(existsSync(offsets)));
  await (await followOutput(directory, sink, systemClock)).read();
  assert.deepEqual(seen, [false]);
  assert.deepEqual(JSON.parse(await readFile(offsets, "utf8")), { stdout: 4, stderr: 0 });
});

for (const [name, unfinished] of [
  ["a character of which only the first byte is written", Buffer.from("caf\u00e9").subarray(0, 4)],
  ["bytes that are not UTF-8", Buffer.from([0xff, 0xff, 0xff])],
] as const) {
  test(`a follower goes on at the beginning of an unfinished line: ${name}`, async (t) => {
    const directory = await temporaryDirectory(t);
    const file = join(directory, "stdout");
    await writeFile(file, Buffer.concat([Buffer.from("first\n"), unfinished]));
    const first = memorySink();
    await (await followOutput(directory, first, systemClock)).read();
    assert.deepEqual(first.lines, ["first"]);

    await writeFile(file, Buffer.concat([Buffer.from("first\n"), unfinished, Buffer.from([0xa9, 0x0a])]));
    const second = memorySink(1);
    await (await followOutput(directory, second, systemClock)).read();
    assert.deepEqual(second.lines, [Buffer.concat([unfinished, Buffer.from([0xa9])]).toString()]);
  });
}

test("a line without end is cut between two characters", async (t) => {
  const directory = await temporaryDirectory(t);
  const text = "x" + "\u00e9".repeat(200_000);
  await writeFile(join(directory, "stdout"), text);
  const sink = memorySink();
  await (await followOutput(directory, sink, systemClock)).finish();
  assert.equal(sink.lines.length, 2);
  assert.equal(sink.lines.join(""), text);
});

test("a pipe or a link in the place of a file is not read, and nothing waits for it", async (t) => {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, "elsewhere"), "of another\n");
  execFileSync("mkfifo", [join(directory, "stdout")]);
  await symlink("elsewhere", join(directory, "stderr"));
  const sink = memorySink();
  await (await followOutput(directory, sink, systemClock)).finish();
  assert.deepEqual(sink.lines, []);
});

test("a file that is larger than what is read at once is read to its end", async (t) => {
  const directory = await temporaryDirectory(t);
  const lines = Array.from({ length: 30_000 }, (_, index) => `line ${index}`);
  await writeFile(join(directory, "stdout"), lines.map((line) => `${line}\n`).join(""));
  const sink = memorySink();
  await (await followOutput(directory, sink, systemClock)).read();
  assert.deepEqual(sink.lines, lines);
});
