import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, createContextValues, type ConnectError } from "@connectrpc/connect";
import { withLateCommits } from "../../test/conformance/late-commits.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { newTrace, storeRun } from "../../test/helpers/stored-run.ts";
import type { NewAction } from "../domain/action-record.ts";
import { ROOT_ACTION } from "../domain/ids.ts";
import type { RunScope } from "../domain/list.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import { ActionPhase } from "../wire/gen/flyteidl2/common/phase_pb.js";
import { RunSpecSchema } from "../wire/gen/flyteidl2/task/run_pb.js";
import { TraceActionSchema } from "../wire/gen/flyteidl2/workflow/run_definition_pb.js";
import type { WatchRunsResponseSchema } from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import { createChangeFeed } from "./change-feed.ts";
import { deliver, DIRECT_STREAM, MAX_WAITING_BYTES, type Batch, type DirectStream } from "./direct-stream.ts";
import { watchRuns } from "./watch-runs.ts";

const SCOPE = { project: "p", domain: "d" };
const ROOT: NewAction = {
  ...newTrace(ROOT_ACTION),
  detail: toBinary(TraceActionSchema, create(TraceActionSchema, { name: ROOT_ACTION })),
};

/** A store some of whose commits become visible late, and watches of it. */
async function setup(t: TestContext) {
  const { store, late } = withLateCommits(openSqliteStore(":memory:"));
  const clock = steppedClock();
  let reads = 0;
  const counted = {
    ...store,
    changedRuns: (...args: Parameters<typeof store.changedRuns>) => {
      reads++;
      return store.changedRuns(...args);
    },
  };
  const feed = createChangeFeed(store, clock);
  const stop = new AbortController();
  const watches: Promise<void>[] = [];
  t.after(async () => {
    stop.abort();
    await Promise.all(watches);
    feed.close();
    await store.close();
  });
  const work = await store.acquire("test");
  return {
    late,
    work,
    readCount: () => reads,
    settle: () => clock.step(100),
    create: (run: string, project = "p") =>
      storeRun(
        store,
        {
          key: { ...SCOPE, project, run },
          baseUri: `s3://b/${project}/${run}`,
          spec: toBinary(RunSpecSchema, create(RunSpecSchema)),
        },
        ROOT,
      ),
    /** Resolves when the watch of such a client ends. */
    deliverTo: async (direct: DirectStream) => {
      const values = createContextValues().set(DIRECT_STREAM, direct);
      const deliveries = watchRuns({ store: counted, feed }, SCOPE, stop.signal);
      for await (const _ of deliver(deliveries, { values, signal: stop.signal }));
    },
    watch: (scope: RunScope = SCOPE) => {
      const batches: Batch<typeof WatchRunsResponseSchema>[] = [];
      const watch = async () => {
        for await (const { batch } of watchRuns({ store: counted, feed }, scope, stop.signal))
          batches.push(batch);
      };
      watches.push(watch());
      /** The names in each message. */
      const names = () =>
        batches.map(({ messages }) =>
          messages.flatMap(({ runs }) => runs.map((run) => run.action?.id?.run?.name ?? "")),
        );
      return { batches, names };
    },
  };
}

test("a change is read and encoded once, for 1 watcher as for 50, early or late", async (t) => {
  const { create: createRun, watch, settle, readCount } = await setup(t);
  await createRun("before");
  const watchers = Array.from({ length: 25 }, () => watch());
  await settle();
  await createRun("r0");
  await settle();
  watchers.push(...Array.from({ length: 25 }, () => watch()));
  await settle();
  const before = readCount();
  for (let index = 1; index <= 10; index++) {
    await createRun(`r${index}`);
    await settle();
  }
  assert.equal(readCount() - before, 10);
  const frames = watchers.map(({ batches }) => batches.slice(-10).map((batch) => batch.frames()));
  for (const each of frames) assert.ok(each.every((bytes, index) => bytes === frames[0]?.[index]));
  assert.deepEqual(watchers[0]?.names().slice(0, 3), [["before"], ["r0"], ["r1"]]);
  assert.deepEqual(watchers.at(-1)?.names().slice(0, 2), [["before", "r0"], ["r1"]]);
});

test("many commits between two reads: each run comes once, as it is by then", async (t) => {
  const { create: createRun, watch, settle, work } = await setup(t);
  const { root } = await createRun("first");
  const watcher = watch();
  await settle();
  // After a wake-up the feed pauses until the clock is stepped.
  await createRun("wakes");
  const names = Array.from({ length: 220 }, (_, index) => `r${index}`);
  await Promise.all(names.map((name) => createRun(name)));
  const begun = { ...root.state, phase: "initializing", attempt: 1 } as const;
  const next = await work.advance({ action: root, state: begun, effects: [], at: 1 });
  assert.ok(next !== "conflict");
  const ended = { ...begun, phase: "aborted", endedAt: 2, abortReason: "" } as const;
  await work.advance({ action: next, state: ended, effects: [], at: 2 });
  await settle();
  // What changed last comes last.
  assert.deepEqual(watcher.names().flat(), ["first", "wakes", ...names, "first"]);
  assert.deepEqual(
    watcher.names().map((each) => each.length),
    [1, 1, 100, 100, 21],
  );
  const last = watcher.batches.at(-1)?.messages[0]?.runs.at(-1);
  assert.equal(last?.action?.status?.phase, ActionPhase.ABORTED);
});

test("a run whose commit becomes visible late is not lost, and the others do not come again", async (t) => {
  const { create: createRun, watch, settle, late } = await setup(t);
  const watcher = watch();
  await settle();
  const release = late("slow");
  for (const name of ["slow", "fast", "faster"]) {
    await createRun(name);
    await settle();
  }
  assert.deepEqual(watcher.names(), [[], ["fast"], ["faster"]]);
  const other = watch();
  await settle();
  assert.deepEqual(other.names(), [["fast", "faster"]]);
  release();
  await settle();
  await createRun("last");
  await settle();
  assert.deepEqual(watcher.names().slice(3), [["slow"], ["last"]]);
  assert.deepEqual(other.names().slice(1), [["slow"], ["last"]]);
});

test("while a commit may still appear, a watcher of more runs than fit into a message waits for it", async (t) => {
  const { create: createRun, watch, settle, late, readCount } = await setup(t);
  const release = late("slow");
  await createRun("slow");
  const names = Array.from({ length: 120 }, (_, index) => `r${index}`);
  await Promise.all(names.map((name) => createRun(name)));
  const watcher = watch();
  await settle();
  assert.equal(readCount(), 1);
  release();
  await settle();
  // The first message again would have ended with r98: what comes after it is sent, r99 a second time.
  assert.deepEqual(watcher.names(), [names.slice(0, 100), ["slow"], names.slice(99)]);
});

test("a watcher is woken for runs of its project only, and one of all runs for each", async (t) => {
  const { create: createRun, watch, settle, readCount } = await setup(t);
  const mine = watch();
  await settle();
  const before = readCount();
  await createRun("r", "other");
  await settle();
  assert.equal(readCount(), before);
  const all = watch({});
  await settle();
  await createRun("mine");
  await createRun("theirs", "other");
  await settle();
  assert.deepEqual(mine.names(), [[], ["mine"]]);
  assert.deepEqual(all.names().flat(), ["r", "mine", "theirs"]);
});

test("a client that reads is not cut, however much changes at once; one that does not read is", async (t) => {
  const { create: createRun, deliverTo, settle } = await setup(t);
  await createRun("first");
  let waitingBytes = 0;
  let sentBytes = 0;
  const reading: DirectStream = {
    get waitingBytes() {
      return waitingBytes;
    },
    write: ({ length }) => {
      waitingBytes += length;
      sentBytes += length;
    },
    drained: async () => void (waitingBytes = 0),
  };
  const cut: Code[] = [];
  for (const direct of [reading, { ...reading, waitingBytes: MAX_WAITING_BYTES + 1 }])
    deliverTo(direct).catch((error: ConnectError) => cut.push(error.code));
  await settle();
  const long = "x".repeat(1_000);
  await Promise.all(Array.from({ length: 3_050 }, (_, index) => createRun(`${long}${index}`)));
  for (let turns = 0; turns < 20; turns++) await settle();
  assert.deepEqual(cut, [Code.Unavailable]);
  assert.ok(sentBytes > MAX_WAITING_BYTES);
});
