import assert from "node:assert/strict";
import { test } from "node:test";
import { recordingLogger } from "../../test/helpers/recording-logger.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { createReport, persist } from "./attempt-report.ts";

function subject() {
  const clock = steppedClock();
  const { log, lines } = recordingLogger();
  const closing = new AbortController();
  return { clock, lines, closing, options: { clock, log, closing: closing.signal } };
}

/** Fails so often, then returns "done". */
function failing(times: number, error = new Error("disk full")) {
  let calls = 0;
  const work = async () => {
    if (calls++ < times) throw error;
    return "done";
  };
  return { work, calls: () => calls };
}

test("what cannot be written is tried again after growing pauses of at most 30 s", async () => {
  const { clock, lines, options } = subject();
  const { work, calls } = failing(10);
  const result = persist(work, options);
  await clock.step(0);
  let expected = 1;
  for (const pauseMs of [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]) {
    assert.equal(calls(), expected++);
    assert.deepEqual(lines.at(-1), {
      level: "error",
      message: "a change of an attempt could not be recorded, and will be tried again",
      pauseMs,
      error: "disk full",
    });
    await clock.step(pauseMs - 1);
    assert.equal(calls(), expected - 1);
    await clock.step(1);
  }
  assert.equal(await result, "done");
  assert.equal(clock.pending, 0);
});

test("an error that does not pass is thrown", async () => {
  const { options, lines } = subject();
  const { work, calls } = failing(1);
  await assert.rejects(
    persist(work, options, () => false),
    { message: "disk full" },
  );
  assert.deepEqual([calls(), lines], [1, []]);
});

test("the server's stop ends it: the next one reports again", async () => {
  const { clock, options, closing } = subject();
  const { work, calls } = failing(10);
  const result = persist(work, options);
  await clock.step(0);
  closing.abort();
  assert.equal(await result, undefined);
  assert.equal(await persist(work, options), undefined);
  assert.equal(calls(), 1);
  assert.equal(clock.pending, 0);
});

test("all is recorded in order, and the log is closed once, after the last record", async () => {
  const { clock, options } = subject();
  const done: string[] = [];
  const sink = {
    write: () => {},
    flush: async () => {},
    lastAtMs: undefined,
    close: async () => void done.push("closed"),
  };
  const report = createReport(sink, options);
  const first = failing(1);
  report.add(async () => done.push(`first ${await first.work()}`));
  report.add(async () => done.push("second"));
  let isClosed = false;
  void report.closed.then(() => (isClosed = true));
  const closed = report.close();
  report.add(async () => done.push("late"));
  await clock.step(199);
  assert.deepEqual([done, isClosed], [[], false]);
  await clock.step(1);
  assert.deepEqual(done, ["first done", "second", "closed"]);
  assert.equal(isClosed, true);
  await closed;
  await report.close();
  assert.equal(done.length, 3);
});
