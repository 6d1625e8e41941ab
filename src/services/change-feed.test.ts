import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import { createChangeFeed, topicOf } from "./change-feed.ts";

test("a watch that waits for long keeps nothing of its earlier waits", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const store = openSqliteStore(":memory:");
  t.after(() => store.close());
  const feed = createChangeFeed(store);
  const subscription = feed.subscribe(topicOf.run(1));
  const abort = new AbortController();
  for (let wait = 0; wait < 3; wait++) {
    const woken = subscription.next(abort.signal);
    assert.equal(getEventListeners(abort.signal, "abort").length, 1);
    t.mock.timers.runAll();
    await woken;
    assert.equal(getEventListeners(abort.signal, "abort").length, 0);
  }
  const last = subscription.next(abort.signal);
  abort.abort();
  await last;
});
