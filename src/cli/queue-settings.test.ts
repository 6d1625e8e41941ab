import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { fencesRunBy } from "../../test/helpers/documents.ts";
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

test("the guide's example is one", () => {
  const [fence] = fencesRunBy("src/cli/queue-settings.test.ts", "docs/queues.md");
  const { queues } = parse(fence?.text ?? "") as { queues: unknown };
  assert.deepEqual(
    [...readQueues(queues).values()].map(({ name, maxParallel, priority }) => [name, maxParallel, priority]),
    [
      ["gpu", 2, 0],
      ["urgent", 4, 10],
    ],
  );
});

test("an error names the setting", () => {
  const mistakes: readonly [section: unknown, message: RegExp][] = [
    [["gpu"], /^queues is not a mapping/u],
    [{ gpu: 2 }, /^queues: gpu is not a mapping/u],
    [{ gpu: {} }, /^queues: gpu: max-parallel is not set; it must be a whole number from 1/u],
    [{ gpu: null }, /^queues: gpu: max-parallel is not set/u],
    [{ gpu: { "max-parallel": 0 } }, /^queues: gpu: max-parallel is 0; it must be/u],
    [{ gpu: { "max-parallel": 1, priority: "high" } }, /^queues: gpu: priority is "high"; it must be/u],
    [{ gpu: { "max-parallel": 1, weight: 1 } }, /^queues: gpu has unknown settings: weight/u],
    [{ "a b": { "max-parallel": 1 } }, /^queues: a b is no name of a queue/u],
  ];
  for (const [section, message] of mistakes) {
    assert.throws(() => readQueues(section), { code: "CONFIG_INVALID", message });
  }
});
