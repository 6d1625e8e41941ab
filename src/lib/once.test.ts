import assert from "node:assert/strict";
import { test } from "node:test";
import { once } from "./once.ts";

test("work is done once, by the first call that succeeds", async () => {
  const results = [Promise.reject(new Error("failed")), Promise.resolve(1), Promise.resolve(2)];
  results[0]?.catch(() => {});
  const read = once(async () => await (results.shift() ?? 0));
  await assert.rejects(Promise.all([read(), read()]), /failed/u);
  assert.deepEqual(await Promise.all([read(), read()]), [1, 1]);
  assert.equal(await read(), 1);
  assert.equal(results.length, 1);
});
