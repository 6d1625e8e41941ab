import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tarOf } from "../../test/helpers/bundles.ts";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { directoriesIn } from "./read-archive.ts";

test("directories are those that a tar names, and those that it implies", async (t) => {
  const path = join(await temporaryDirectory(t), "archive.tar");
  await writeFile(
    path,
    await tarOf([
      { name: "main.py", text: "1" },
      { name: "a/b/deep.py", text: "22" },
      { name: "empty/", type: "directory", mode: 0o700 },
      { name: "a/", type: "directory", mode: 0o750 },
    ]),
  );
  assert.deepEqual(await directoriesIn(path), [
    { name: "a", mode: 0o750, isEmpty: false },
    { name: "a/b", mode: 0o755, isEmpty: false },
    { name: "empty", mode: 0o700, isEmpty: true },
  ]);
  await assert.rejects(directoriesIn(`${path}.gone`), /ENOENT/u);
});
