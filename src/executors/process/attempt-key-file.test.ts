import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { createLogger } from "../../lib/log.ts";
import { readAttemptKey } from "./attempt-key-file.ts";

test("a damaged file is passed over and named, one that is not there is nobody's", async (t) => {
  const file = join(await temporaryDirectory(t), "key.json");
  const lines: string[] = [];
  const log = createLogger({ write: (line) => lines.push(line) });
  const key = { project: "p", domain: "d", run: "r", action: "a0", attempt: 2 };
  assert.equal(await readAttemptKey(file, log), undefined);
  await writeFile(file, JSON.stringify(key));
  assert.deepEqual(await readAttemptKey(file, log), key);
  assert.equal(lines.length, 0);
  const damaged = [
    "",
    "{",
    "null",
    "[]",
    JSON.stringify({ attempt: 2 }),
    JSON.stringify({ ...key, attempt: "2" }),
  ];
  for (const text of damaged) {
    await writeFile(file, text);
    assert.equal(await readAttemptKey(file, log), undefined, text);
  }
  assert.equal(lines.filter((line) => line.includes(file)).length, damaged.length);
});
