import assert from "node:assert/strict";
import { test } from "node:test";
import { workFromBothEnds } from "./work.ts";

test("one job from each end runs at a time, and each job runs once", async () => {
  const ends = new Map<string, () => void>();
  const begun: string[] = [];
  const working = workFromBothEnds(["a", "b", "c", "d"], (job) => {
    begun.push(job);
    const { promise, resolve } = Promise.withResolvers<void>();
    ends.set(job, resolve);
    return promise;
  });
  const end = async (job: string) => {
    ends.get(job)?.();
    // Beginning the next job takes a few microtasks and nothing else.
    for (let n = 0; n < 10; n++) await Promise.resolve();
  };
  assert.deepEqual(begun, ["a", "d"]);
  // The worker at the end is faster: it takes jobs that the other would have come to.
  await end("d");
  await end("c");
  assert.deepEqual(begun, ["a", "d", "c", "b"]);
  await end("b");
  await end("a");
  await working;
  assert.equal(begun.length, 4);
});
