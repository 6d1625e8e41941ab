import assert from "node:assert/strict";
import { test } from "node:test";
import { parseWorkerArguments } from "./worker-arguments.ts";
import { UsageError } from "../arguments.ts";

test("modes, directory and concurrency", () => {
  assert.deepEqual(parseWorkerArguments(["one_shot", "/w"]), {
    mode: "one_shot",
    directory: "/w",
    concurrency: 1,
  });
  assert.deepEqual(parseWorkerArguments(["resident", "/w", "--concurrency", "3"]), {
    mode: "resident",
    directory: "/w",
    concurrency: 3,
  });
});

test("what cannot be is refused by name", () => {
  const refused: readonly (readonly [string, RegExp])[] = [
    ["", /--worker : expected/u],
    ["warm /w", /--worker warm: expected a0-ts --worker/u],
    ["fork /w", /cannot fork a process.*use one_shot/u],
    ["resident", /needs a directory/u],
    ["resident /w --concurrency", /--concurrency : expected a whole number/u],
    ["resident /w --concurrency 0", /--concurrency 0/u],
    ["resident /w --concurrency 1.5", /--concurrency 1\.5/u],
    ["resident /w --what 1", /does not know --what 1/u],
    ["one_shot /w --concurrency 2", /exactly one attempt/u],
  ];
  for (const [line, message] of refused) {
    assert.throws(
      () => parseWorkerArguments(line.split(" ").filter((word) => word !== "")),
      (error) => error instanceof UsageError && message.test(error.message),
      line,
    );
  }
});
