import assert from "node:assert/strict";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { removeTree } from "./remove-tree.ts";

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

test("what is not there is removed already; what cannot be removed is an error", async (t) => {
  const directory = await temporaryDirectory(t);
  await removeTree(join(directory, "none"));
  writeFileSync(join(directory, "file"), "");
  await assert.rejects(removeTree(join(directory, "file", "none")), { code: "ENOTDIR" });
});
