import assert from "node:assert/strict";
import { test } from "node:test";
import { checkAge, checkTimeLeft } from "./url-age.ts";

const TASK = { name: "a task", longestUrlSeconds: 900 };
const NOW = 1_700_000_000_000;

test("a URL is valid for as long as its signer's may be, whatever it says", () => {
  checkAge(TASK, NOW - 900_000, NOW);
  assert.throws(() => checkAge(TASK, NOW - 900_001, NOW), /has expired: a URL of a task is valid for 900 s/u);
  checkAge({ name: "anybody" }, 0, NOW);
});

test("one of version 2, which does not say when it was signed, is refused until its last such time", () => {
  checkTimeLeft(TASK, NOW + 900_000, NOW);
  assert.throws(() => checkTimeLeft(TASK, NOW + 3_600_000, NOW), /expires later/u);
  checkTimeLeft({ name: "anybody" }, NOW * 2, NOW);
});
