import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
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
