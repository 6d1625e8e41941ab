import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, createContextValues, type ConnectError } from "@connectrpc/connect";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { LOCAL } from "../domain/principal.ts";
import type { NewAction } from "../domain/action-record.ts";
import { ROOT_ACTION } from "../domain/ids.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import { TraceActionSchema } from "../wire/gen/flyteidl2/workflow/run_definition_pb.js";
import { createChangeFeed } from "./change-feed.ts";
import { DIRECT_STREAM, MAX_WAITING_BYTES, deliver, type DirectStream } from "./direct-stream.ts";
import { watchChildren } from "./watches.ts";
import { newTrace, storeRun } from "../../test/helpers/stored-run.ts";

const trace = (name: string, parent?: string): NewAction => ({
  ...newTrace(name, parent),
  detail: toBinary(TraceActionSchema, create(TraceActionSchema, { name })),
});

async function setup() {
  const store = openSqliteStore(":memory:");
  // Each update of a child names where its outputs will be.
  const { run } = await storeRun(store, { baseUri: `s3://b/${"x".repeat(3_000)}` }, trace(ROOT_ACTION));
  let reads = 0;
  const counted = {
    ...store,
    changedChildren: (...args: Parameters<typeof store.changedChildren>) => {
      reads++;
      return store.changedChildren(...args);
    },
  };
  const clock = steppedClock();
  const feed = createChangeFeed(store, clock);
  const stop = new AbortController();
  const watchers: Promise<void>[] = [];
  return {
    readCount: () => reads,
    /** Lets who is woken run to where it waits again. */
    change: async (...names: string[]) => {
      await Promise.all(names.map((name) => store.createAction(run, trace(name, ROOT_ACTION), LOCAL)));
      await clock.step(20);
    },
    /** What is written for it directly, and how its watch ends. */
    watch: (waitingBytes = () => 0, drained = () => {}) => {
      const frames: Uint8Array[] = [];
      const direct: DirectStream = {
        get waitingBytes() {
          return waitingBytes();
        },
        write: (bytes) => void frames.push(bytes),
        drained: async () => drained(),
      };
      const values = createContextValues().set(DIRECT_STREAM, direct);
      const deliveries = watchChildren({ store: counted, feed, clock }, run, ROOT_ACTION, stop.signal);
      const done = (async () => {
        for await (const _ of deliver(deliveries, { values, signal: stop.signal }));
      })();
      watchers.push(done.catch(() => {}));
      return { frames, done };
    },
    settle: () => clock.step(20),
    close: async () => {
      stop.abort();
      await Promise.all(watchers);
      feed.close();
      await store.close();
    },
  };
}

test("a change is read and encoded once, for 1 watcher as for 50", async (t) => {
  const readsPerChange = [];
  for (const count of [1, 50]) {
    const { watch, change, settle, readCount, close } = await setup();
    t.after(close);
    const watchers = Array.from({ length: count }, () => watch());
    await settle();
    const before = readCount();
    for (let index = 0; index < 10; index++) await change(`c${index}`);
    readsPerChange.push((readCount() - before) / 10);
    const [first] = watchers;
    assert.equal(first?.frames.length, 10);
    // Not only alike: the very same bytes.
    for (const { frames } of watchers)
      assert.ok(frames.every((bytes, index) => bytes === first?.frames[index]));
  }
  assert.deepEqual(readsPerChange, [1, 1]);
});

test("a watcher at another cursor gets what it lacks, and shares from then on", async (t) => {
  const { watch, change, settle, readCount, close } = await setup();
  t.after(close);
  const early = watch();
  await settle();
  await change("c0");
  await change("c1");
  const late = watch();
  await settle();
  const before = readCount();
  await change("c2");
  assert.equal(readCount() - before, 1);
  assert.equal(early.frames.length, 3);
  // The sentinel, and the newest child: what there was came with the response's beginning.
  assert.equal(late.frames.at(-1), early.frames.at(-1));
});

test("a watcher that reads nothing is ended at 1 MiB, with a code at which clients retry; others go on", async (t) => {
  const { watch, change, settle, close } = await setup();
  t.after(close);
  let waiting = 0;
  const slow = watch(() => waiting);
  const other = watch();
  await settle();
  waiting = MAX_WAITING_BYTES;
  await change("c0");
  assert.equal(slow.frames.length, 1);
  waiting++;
  const cut = assert.rejects(slow.done, (error: ConnectError) => error.code === Code.Unavailable);
  await change("c1");
  await cut;
  await change("c2");
  assert.deepEqual([slow.frames.length, other.frames.length], [1, 3]);
});

test("a watcher that reads is not cut, however many children change at once", async (t) => {
  const { watch, change, settle, close } = await setup();
  t.after(close);
  let read = 0;
  const sentBytes = () => frames.reduce((sum, { length }) => sum + length, 0);
  const { frames, done } = watch(
    () => sentBytes() - read,
    () => (read = sentBytes()),
  );
  let isCut = false;
  done.catch(() => (isCut = true));
  await settle();
  await change(...Array.from({ length: 1_100 }, (_, index) => `c${index}`));
  await settle();
  assert.equal(isCut, false);
  assert.ok(sentBytes() > 3 * MAX_WAITING_BYTES);
});
