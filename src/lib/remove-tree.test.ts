import assert from "node:assert/strict";
import { existsSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { FREED_AT_ONCE_BYTES, removeTree } from "./remove-tree.ts";

for (const [size, count] of [
  ["small", 3],
  ["large", 500],
] as const) {
  test(`a ${size} directory is removed with all that is in it, and nothing that a link leads to`, async (t) => {
    const outside = await temporaryDirectory(t);
    writeFileSync(join(outside, "kept"), "");
    const path = join(await temporaryDirectory(t), "tree");
    mkdirSync(join(path, "work", "deep"), { recursive: true });
    symlinkSync(outside, join(path, "work", "link"));
    for (let n = 0; n < count; n++) writeFileSync(join(path, "work", "deep", `file-${n}`), "");
    await removeTree(path);
    assert.equal(existsSync(path), false);
    assert.equal(existsSync(join(outside, "kept")), true);
  });
}

for (const [size, isAtOnce] of [
  [FREED_AT_ONCE_BYTES / 2, true],
  [FREED_AT_ONCE_BYTES / 2 + 1, false],
] as const) {
  test(`two files of ${size} bytes are removed ${isAtOnce ? "at once" : "aside"}`, async (t) => {
    const path = join(await temporaryDirectory(t), "tree");
    mkdirSync(path);
    for (const name of ["a", "b"]) {
      writeFileSync(join(path, name), "");
      truncateSync(join(path, name), size);
    }
    const removed = removeTree(path);
    assert.equal(existsSync(path), !isAtOnce, "nothing else has had its turn");
    await removed;
    assert.equal(existsSync(path), false);
  });
}

test("what is not there is removed already; what cannot be removed is an error", async (t) => {
  const directory = await temporaryDirectory(t);
  await removeTree(join(directory, "none"));
  writeFileSync(join(directory, "file"), "");
  await assert.rejects(removeTree(join(directory, "file", "none")), { code: "ENOTDIR" });
});
