import assert from "node:assert/strict";
import { stat, writeFile } from "node:fs/promises";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { mock, test } from "node:test";
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

test("a line after one whose journal could not be begun anew is behind no gap", async (t) => {
  const path = join(await temporaryDirectory(t), "journal");
  const journal = new Journal(path, () => ["kept"]);
  const long = "x".repeat(100_000);
  journal.add(long);
  journal.add(long);
  // Of the directory, behind the rename.
  const { fsyncSync } = fs;
  const failing = mock.method(fs, "fsyncSync");
  failing.mock.mockImplementation((file: number) => {
    if (fs.fstatSync(file).isDirectory()) throw new Error("it cannot be synced");
    fsyncSync(file);
  });
  syncBuiltinESMExports();
  try {
    assert.throws(() => journal.add(long), /it cannot be synced/u);
  } finally {
    failing.mock.restore();
    syncBuiltinESMExports();
  }
  journal.add("short");
  assert.deepEqual(Journal.linesOf(path), ["kept", "short"]);
});

test("a line that has no place is not taken, and one that is cut is read as it is", async (t) => {
  const path = join(await temporaryDirectory(t), "other");
  const journal = new Journal(join(path, "journal"), () => []);
  assert.throws(() => journal.add("lost"), { code: "ENOENT" });
  await writeFile(`${path}.file`, "one\ntw");
  assert.deepEqual(Journal.linesOf(`${path}.file`), ["one", "tw"]);
});
