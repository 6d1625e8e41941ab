import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { HEARTBEAT_MS, withHeartbeat } from "./heartbeat.ts";

test("messages are passed on in order, with heartbeats while there are none, and so is an error", async () => {
  const waits = Promise.withResolvers<void>();
  async function* source() {
    yield 1;
    yield 2;
    await waits.promise;
    yield 3;
    throw new Error("broken off");
  }
  const clock = steppedClock();
  const seen: (number | undefined)[] = [];
  const read = assert.rejects(async () => {
    for await (const item of withHeartbeat(source(), clock)) seen.push(item);
  }, /broken off/);
  await clock.step(0);
  await clock.step(2 * HEARTBEAT_MS);
  assert.deepEqual(seen, [1, 2, undefined, undefined]);
  waits.resolve();
  await read;
  assert.deepEqual(seen.slice(4), [3]);
  assert.equal(clock.pending, 0);
});

test("a consumer that stops reading ends the source", async () => {
  const ended = Promise.withResolvers<void>();
  async function* source() {
    try {
      for (;;) yield 1;
    } finally {
      ended.resolve();
    }
  }
  for await (const _ of withHeartbeat(source(), steppedClock())) break;
  await ended.promise;
});
