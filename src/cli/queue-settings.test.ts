import assert from "node:assert/strict";
import { test } from "node:test";
import { readQueues } from "./queue-settings.ts";

test("queues have a limit, and a priority if they want one", () => {
  const queues = readQueues({ gpu: { "max-parallel": 2 }, urgent: { "max-parallel": 4, priority: 10 } });
  assert.deepEqual(
    [...queues.values()],
    [
      { name: "gpu", maxParallel: 2, priority: 0 },
      { name: "urgent", maxParallel: 4, priority: 10 },
    ],
  );
  assert.equal(readQueues(undefined).size, 0);
});

test("a mistake is named by its place", () => {
  const mistakes: readonly [section: unknown, message: RegExp][] = [
    [["gpu"], /^queues in the file must be a mapping/u],
    [{ gpu: 2 }, /^queues\.gpu in the file must be a mapping/u],
    [{ gpu: {} }, /^queues\.gpu\.max-parallel in the file must be a whole number from 1/u],
    [{ gpu: { "max-parallel": 1, priority: "high" } }, /^queues\.gpu\.priority in the file must be/u],
    [{ gpu: { "max-parallel": 1, weight: 1 } }, /^queues\.gpu\.weight in the file must be one of/u],
    [{ "a b": { "max-parallel": 1 } }, /^queues\.a b in the file must be named/u],
  ];
  for (const [section, message] of mistakes) {
    assert.throws(() => readQueues(section), { code: "CONFIG_INVALID", message });
  }
});
