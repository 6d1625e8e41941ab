import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDuration } from "./duration.ts";

test("a duration is a whole number of seconds, minutes, hours or days", () => {
  assert.deepEqual(
    ["0s", "30s", "90m", "12h", "7d"].map(parseDuration),
    [0, 30_000, 5_400_000, 43_200_000, 604_800_000],
  );
});

test("what is no duration has none", () => {
  for (const text of ["", "7", "d", "1.5h", "-1h", "1h30m", "7 d", "7D", "7w", "7ms", "1234567d"])
    assert.equal(parseDuration(text), undefined, text);
});
