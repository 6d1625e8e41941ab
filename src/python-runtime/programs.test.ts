import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { systemClock } from "../lib/clock.ts";
import { placePrograms } from "./programs.ts";

test("the programs are copied once, for every user to read", async (t) => {
  const directory = join(await temporaryDirectory(t), "python-runtimes");
  const placed = await Promise.all([1, 2, 3].map(() => placePrograms(directory, systemClock)));
  assert.equal(new Set(placed).size, 1);
  const [target = ""] = placed;
  assert.deepEqual(await readdir(directory), [target.slice(directory.length + 1)]);
  assert.deepEqual((await readdir(target)).toSorted(), ["boot.py", "check.py", "probe.py", "worker"]);
  for (const file of ["boot.py", "worker/__main__.py"]) {
    const source = await readFile(join(import.meta.dirname, "programs", file), "utf8");
    assert.equal(await readFile(join(target, file), "utf8"), source);
    assert.equal((await stat(join(target, file))).mode & 0o777, 0o644);
  }
  for (const each of ["", "worker"]) assert.equal((await stat(join(target, each))).mode & 0o777, 0o755);
});
