import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test, type TestContext } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import type { OnChange } from "../store/reader.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import { createChangeFeed, topicOf } from "./change-feed.ts";

const TOPIC = topicOf.run(1);

function setup(t: TestContext) {
  const clock = steppedClock();
  let listener: OnChange = () => {};
  const feed = createChangeFeed({ onChange: (added) => ((listener = added), () => {}) }, clock);
  t.after(() => feed.close());
  return { clock, feed, change: () => listener([{ id: 1, runId: 1, parent: "a0" } as ActionRecord]) };
}

test("a watch that waits for long keeps nothing of its earlier waits", async (t) => {
  const { clock, feed } = setup(t);
  const abort = new AbortController();
  const subscription = feed.subscribe(TOPIC, abort.signal);
  for (let wait = 0; wait < 3; wait++) {
    const woken = subscription.next();
    await clock.step(30_000);
    await woken;
    assert.equal(getEventListeners(abort.signal, "abort").length, 1);
    assert.ok(clock.pending <= 2);
  }
  const last = subscription.next();
  abort.abort();
  await last;
  subscription.close();
  await clock.step(1_000);
  assert.deepEqual([getEventListeners(abort.signal, "abort").length, clock.pending], [0, 0]);
});

test("of many that are woken some have their turn at a time; all get the answer that the first one read", async (t) => {
  const { clock, feed, change } = setup(t);
  const { signal } = new AbortController();
  let reads = 0;
  const got: number[] = [];
  for (let index = 0; index < 100; index++) {
    const subscription = feed.subscribe(TOPIC, signal);
    void subscription.next().then(async () => {
      got.push(await subscription.shared("key", async () => ++reads));
    });
  }
  change();
  await turn();
  assert.deepEqual([got.length < 50, reads], [true, 1]);
  // What happens in between is for the next time.
  change();
  await clock.step(0);
  assert.deepEqual(
    got,
    Array.from({ length: 100 }, () => 1),
  );
});

test("who comes later gets no answer from before it came", async (t) => {
  const { feed, change } = setup(t);
  const { signal } = new AbortController();
  let state = "old";
  const read = async () => state;
  assert.equal(await feed.subscribe(TOPIC, signal).shared("key", read), "old");
  state = "new";
  change();
  assert.equal(await feed.subscribe(TOPIC, signal).shared("key", read), "new");
});

test("what is woken while it closes, and who comes after that, waits for no time", async (t) => {
  const { clock, feed, change } = setup(t);
  const { signal } = new AbortController();
  const watch = feed.subscribe(TOPIC, signal);
  change();
  feed.close();
  const late = feed.subscribe(topicOf.run(2), signal);
  await watch.next();
  await turn();
  assert.equal(clock.pending, 0);
  for (const each of [watch, late]) each.close();
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
