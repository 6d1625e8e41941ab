import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { suite, test } from "node:test";
import { createKeyLocks } from "./key-locks.ts";

/** Work that ends when it is told to. */
function heldWork() {
  const { promise, resolve } = Promise.withResolvers<string>();
  return { work: () => promise, end: () => resolve("done") };
}

suite("a lock for each key", () => {
  test("lets one after the other work, also after a failure", async () => {
    const lock = createKeyLocks();
    const seen: string[] = [];
    const failed = lock("a", async () => {
      await setImmediate();
      seen.push("first");
      throw new Error("failed");
    });
    const second = lock("a", async () => void seen.push("second"));
    await lock("b", async () => void seen.push("another"));
    await assert.rejects(failed, /failed/u);
    await second;
    assert.deepEqual(seen, ["another", "first", "second"]);
  });

  test("whoever is aborted waits no longer, never begins, and disturbs nobody", async () => {
    const lock = createKeyLocks();
    const first = heldWork();
    const seen: string[] = [];
    const abort = new AbortController();
    const reason = new Error("stopped");
    const working = lock("a", first.work);
    const waiting = lock("a", async () => void seen.push("aborted"), abort.signal);
    abort.abort(reason);
    await assert.rejects(waiting, reason);
    const third = lock("a", async () => void seen.push("third"));
    await setImmediate();
    assert.deepEqual(seen, [], "the first still works");
    first.end();
    assert.equal(await working, "done");
    await third;
    assert.deepEqual(seen, ["third"]);
    await assert.rejects(
      lock("a", async () => "begun", abort.signal),
      reason,
    );
  });

  test("work that has begun is waited for: it ends itself", async () => {
    const lock = createKeyLocks();
    const held = heldWork();
    const abort = new AbortController();
    const working = lock("a", held.work, abort.signal);
    abort.abort(new Error("stopped"));
    held.end();
    assert.equal(await working, "done");
  });
});
