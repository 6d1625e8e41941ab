import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAttemptKey } from "./attempt-key-file.ts";

test("what is not a whole key is none", () => {
  const key = { project: "p", domain: "d", run: "r", action: "a0", attempt: 2 };
  assert.deepEqual(parseAttemptKey(JSON.stringify(key)), key);
  const damaged = [
    "",
    "{",
    "null",
    "[]",
    JSON.stringify({ attempt: 2 }),
    JSON.stringify({ ...key, attempt: "2" }),
  ];
  for (const text of damaged) assert.equal(parseAttemptKey(text), undefined, text);
});
