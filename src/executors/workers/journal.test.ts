import assert from "node:assert/strict";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { Journal } from "./journal.ts";

test("a journal has its lines in their order, and its size from the first of them", async (t) => {
  const path = join(await temporaryDirectory(t), "journal");
  assert.deepEqual(Journal.linesOf(path), []);
  const journal = new Journal(path, () => ["before"]);
  journal.add("one");
  const { size } = await stat(path);
  journal.add("two");
  await Promise.all([journal.synced(), journal.synced()]);
  assert.deepEqual(Journal.linesOf(path), ["before", "one", "two"]);
  assert.equal((await stat(path)).size, size);
});

test("a journal that is full begins anew with the lines that still matter", async (t) => {
  const path = join(await temporaryDirectory(t), "journal");
  const journal = new Journal(path, () => ["kept"]);
  const long = "x".repeat(1_000);
  for (let n = 0; n < 1_000; n++) journal.add(long);
  await journal.synced();
  const lines = Journal.linesOf(path);
  assert.equal(lines[0], "kept");
  assert.ok(lines.length < 500 && lines.slice(1).every((line) => line === long), String(lines.length));
});

test("a line that has no place is not taken, and one that is cut is read as it is", async (t) => {
  const path = join(await temporaryDirectory(t), "other");
  const journal = new Journal(join(path, "journal"), () => []);
  assert.throws(() => journal.add("lost"), { code: "ENOENT" });
  await writeFile(`${path}.file`, "one\ntw");
  assert.deepEqual(Journal.linesOf(`${path}.file`), ["one", "tw"]);
});
