import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { checkKey, directoryPath, objectPath } from "./key-path.ts";
import { walkKeys } from "./walk.ts";

const AWKWARD = [
  "a",
  "a/b",
  "a/",
  "a//b",
  "/a",
  "/",
  "//",
  ".",
  "..",
  "../../etc/passwd",
  "a/../../../b",
  "a/./b",
  ".tmp/x",
  "A",
  "Aa/aA",
  "!a",
  "%41",
  "%",
  "@",
  "a@",
  "a+/b",
  "+",
  "c:\\x",
  "é/日本/😀",
  "a b\n\t",
  "x".repeat(1024),
  `${"Y".repeat(500)}/${"é".repeat(250)}`,
  `${"x".repeat(200)}/a`,
  `${"x".repeat(201)}/a`,
  "x".repeat(200),
  `${"x".repeat(200)}./a`,
  `${"x".repeat(200)}../a`,
  `${"x".repeat(200)}.../a`,
];

test("no key leaves the directory, and no two share a path whatever the case", () => {
  const paths = AWKWARD.map((key) => objectPath("/root", key));
  for (const path of paths) {
    assert.equal(normalize(path), path);
    assert.ok(path.startsWith("/root/"), path);
    for (const name of path.split("/")) assert.ok(Buffer.byteLength(name) <= 255, name);
    assert.ok(!basename(path).startsWith("."), path);
  }
  assert.equal(new Set(paths.map((path) => path.toLowerCase())).size, AWKWARD.length);
  assert.ok(directoryPath("/root", "../x/").startsWith("/root/"));
});

test("keys come back from the directory as they were, in the order of their bytes", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "boxkite-keys-"));
  t.after(() => rm(root, { recursive: true }));
  for (const key of AWKWARD) {
    const path = objectPath(root, key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, "");
  }
  await writeFile(join(root, ".DS_Store"), "not ours");
  await writeFile(join(root, "UPPER@"), "not ours");
  const found: string[] = [];
  for await (const { key } of walkKeys(root, { prefix: "" })) found.push(key);
  assert.deepEqual(
    found,
    AWKWARD.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
  );
});

test("what cannot be a key", () => {
  for (const key of ["", "a\0b", "\ud800", "x".repeat(1025), "é".repeat(513)]) {
    assert.throws(() => checkKey(key), { code: "INVALID_ARGUMENT" });
  }
});
