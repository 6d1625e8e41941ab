import assert from "node:assert/strict";
import { test } from "node:test";
import { withHeartbeat } from "./heartbeat.ts";

test("what comes is passed on in order; silence is broken by life signs; an error stays one", async () => {
  const waits = Promise.withResolvers<void>();
  async function* source() {
    yield 1;
    yield 2;
    await waits.promise;
    yield 3;
    throw new Error("broken off");
  }
  const seen: (number | undefined)[] = [];
  await assert.rejects(async () => {
    for await (const item of withHeartbeat(source(), 5)) {
      seen.push(item);
      if (seen.filter((each) => each === undefined).length === 2) waits.resolve();
    }
  }, /broken off/);
  assert.deepEqual(seen.slice(0, 4), [1, 2, undefined, undefined]);
  assert.equal(seen.at(-1), 3);
});

test("whoever stops listening ends the source", async () => {
  const ended = Promise.withResolvers<void>();
  async function* source() {
    try {
      for (;;) yield 1;
    } finally {
      ended.resolve();
    }
  }
  for await (const _ of withHeartbeat(source())) break;
  await ended.promise;
});
