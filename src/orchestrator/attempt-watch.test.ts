import assert from "node:assert/strict";
import { test } from "node:test";
import { actionRecord } from "../../test/helpers/action-record.ts";
import { recordingLogger } from "../../test/helpers/recording-logger.ts";
import { IMAGE } from "../../test/helpers/resolved-image.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import type { ActionError } from "../domain/action.ts";
import type { AttemptExit } from "../domain/attempt.ts";
import type { AttemptEvidence } from "./attempt-evidence.ts";
import type { Counted } from "./attempt-results.ts";
import { createAttemptWatch } from "./attempt-watch.ts";

const ACTION = actionRecord(1, "a0", { phase: "running", attempt: 2 });
const EXIT: AttemptExit = { reason: "exited", exitCode: 1, outOfMemory: false };
const ERROR: ActionError = { code: "E", message: "no\nway", hint: "try", kind: "user", recoverable: false };
const LINGER_MS = 30_000;
const EVIDENCE = {
  image: IMAGE,
  outputPrefix: "s3://b/r/a0/2",
  awaitsRuntime: false,
  collect: () => assert.fail("the results collect it"),
  close: () => {},
};

interface SubjectOptions {
  readonly ended?: Counted;
  /** What each read of the written result gives. */
  readonly written?: () => Promise<Counted | undefined>;
  readonly closeLog?: () => Promise<void>;
  readonly evidence?: AttemptEvidence;
}

function subject(options: SubjectOptions = {}) {
  const { ended, written = async () => undefined, closeLog, evidence = EVIDENCE } = options;
  const clock = steppedClock();
  const { log, lines } = recordingLogger();
  const done: unknown[] = [];
  const text: string[] = [];
  const watch = createAttemptWatch({
    action: ACTION,
    evidence,
    sink: {
      write: (stream, line) => text.push(`${stream} ${line}`),
      flush: async () => {},
      close: async () => {
        await closeLog?.();
        done.push("log closed");
      },
      lastAtMs: undefined,
    },
    apply: async (key, event, extra) => void done.push([key.action, event, extra?.attempt]),
    results: {
      ended: async (action, exit, evidence, begun) => {
        assert.deepEqual([action, exit, evidence], [ACTION, EXIT, EVIDENCE]);
        if (begun !== undefined) done.push(["begun", begun]);
        done.push("ended");
        return ended;
      },
      written: async (action, evidence) => {
        assert.deepEqual([action, evidence], [ACTION, EVIDENCE]);
        done.push("written");
        return written();
      },
      notWatched: async () => undefined,
      endedUnwatched: async () => {},
    },
    lingerMs: LINGER_MS,
    noteCold: async (reason) => void done.push(`cold: ${reason}`),
    clock,
    log,
    closing: new AbortController().signal,
  });
  return { watch, clock, lines, done, text };
}

test("a runtime that does not begin is mentioned once in the log, after a minute", async () => {
  const state = { awaitsRuntime: true };
  const silent = subject({ evidence: { ...EVIDENCE, awaitsRuntime: true } });
  silent.watch.observer.started(5);
  await silent.clock.step(59_999);
  assert.deepEqual(silent.text, []);
  await silent.clock.step(1);
  assert.match(
    silent.text.join(),
    /^system the task's runtime has not asked for its inputs after 60 s: .*ENTRYPOINT/u,
  );
  const evidence = {
    ...EVIDENCE,
    get awaitsRuntime() {
      return state.awaitsRuntime;
    },
  };
  const begins = subject({ evidence });
  begins.watch.observer.started(5);
  state.awaitsRuntime = false;
  await begins.clock.step(60_000);
  assert.deepEqual(begins.text, []);
  const ends = subject({ evidence: { ...EVIDENCE, awaitsRuntime: true } });
  ends.watch.observer.started(5);
  await ends.watch.close();
  assert.equal(ends.clock.pending, 0);
});

test("what the executor reports becomes events of the action, with what is known of the attempt", async () => {
  const { watch, clock, done, text } = subject();
  watch.observer.progress("pulling");
  watch.observer.waiting("no node");
  watch.observer.started(5);
  watch.observer.ended(EXIT);
  await clock.step(0);
  const facts = { attempt: 2, image: IMAGE };
  assert.deepEqual(done, [
    ["a0", { type: "progress", attempt: 2, reason: "pulling" }, facts],
    ["a0", { type: "attemptWaiting", attempt: 2, reason: "no node" }, facts],
    ["a0", { type: "started", attempt: 2, at: 5 }, { ...facts, startedAt: 5 }],
    "ended",
    "log closed",
  ]);
  assert.deepEqual(text, []);
  await watch.closed;
});

test("the log ends with the error of an attempt that counts", async () => {
  const failed = subject({ ended: { error: ERROR, isRetried: false } });
  failed.watch.observer.ended(EXIT);
  await failed.watch.closed;
  assert.deepEqual(failed.text, ["system E: no", "system way; hint: try"]);
  const succeeded = subject({ ended: { error: undefined, isRetried: false } });
  succeeded.watch.observer.ended(EXIT);
  await succeeded.watch.closed;
  assert.deepEqual(succeeded.text, []);
});

test("a process that ends soon after its result was written does not linger", async () => {
  const { watch, clock, done } = subject({ written: async () => ({ error: undefined, isRetried: false }) });
  watch.resultWritten();
  await clock.step(999);
  watch.observer.ended(EXIT);
  await clock.step(10_000);
  assert.deepEqual(done, ["ended", "log closed"]);
  assert.equal(watch.lingersUntilMs, undefined);
  assert.equal(clock.pending, 0);
});

test("a result counts when the process is still there a second later, which lingers from then on", async () => {
  const { watch, clock, done, text } = subject({ written: async () => ({ error: ERROR, isRetried: false }) });
  const begin = clock.now();
  watch.resultWritten();
  assert.equal(watch.lingersUntilMs, undefined);
  await clock.step(1_000);
  assert.deepEqual(done, ["written"]);
  assert.equal(watch.lingersUntilMs, begin + 1_000 + LINGER_MS);
  assert.deepEqual(text, [
    "system E: no",
    "system way; hint: try",
    "system the result is written, but the process still runs: it is ended in 30 s",
  ]);
  watch.resultWritten();
  await clock.step(1_000);
  assert.deepEqual(done, ["written"], "it counts once");
  assert.equal(watch.lingersUntilMs, begin + 1_000 + LINGER_MS);
  watch.observer.ended(EXIT);
  await watch.closed;
});

test("the log says that a process behind an error that is tried again is ended soon", async () => {
  const { watch, clock, text } = subject({ written: async () => ({ error: ERROR, isRetried: true }) });
  watch.resultWritten();
  await clock.step(1_000);
  assert.equal(
    text.at(-1),
    "system the result is written, but the process still runs: it is ended before the next attempt",
  );
  await watch.close();
});

test("a process whose result does not count does not linger", async () => {
  let reads = 0;
  const { watch, clock, done, text } = subject({
    written: async () => {
      assert.ok(watch.lingersUntilMs !== undefined, "before it counts");
      if (++reads === 1) throw new Error("disk full");
      return undefined;
    },
  });
  watch.resultWritten();
  await clock.step(1_000);
  assert.equal(watch.lingersUntilMs, undefined, "after an error");
  await clock.step(200);
  assert.deepEqual([done, watch.lingersUntilMs, text], [["written", "written"], undefined, []]);
  watch.resultWritten();
  await clock.step(1_000);
  assert.equal(done.length, 3, "it is read again");
  await watch.close();
  assert.deepEqual(done.at(-1), "log closed");
});

test("a log that cannot be closed is logged, and rejects whoever waits for it", async () => {
  const { watch, clock, lines } = subject({
    closeLog: async () => {
      throw new Error("disk full");
    },
  });
  watch.resultWritten();
  const closed = assert.rejects(watch.closed, { message: "disk full" });
  watch.observer.ended(EXIT);
  await closed;
  await clock.step(0);
  assert.deepEqual(lines, [
    { level: "error", message: "the log of an attempt could not be closed", error: "disk full" },
  ]);
});

test("an attempt that starts cold although its task has a reuse policy is noted with its run", async () => {
  const { watch, clock, done } = subject();
  watch.observer.prepared({ engine: "podman 5", adaptations: [], cold: "the task has no network" });
  await clock.step(0);
  assert.deepEqual(done, ["cold: the task has no network"]);
});

test("the start in a worker that others had is recorded with the end, where that follows at once", async () => {
  const warm = { mode: "resident", pool: "p", worker: "w", earlierAttempts: 3 } as const;
  const start = { engine: "podman", adaptations: [], warm };
  const event = { type: "started", attempt: 2, at: 5 } as const;
  const begin = () => {
    const made = subject();
    made.watch.observer.prepared(start);
    made.watch.observer.started(5);
    return made;
  };
  const quick = begin();
  await quick.clock.step(99);
  quick.watch.observer.ended(EXIT);
  await quick.watch.closed;
  await quick.clock.step(1_000);
  assert.deepEqual(quick.done, [["begun", { event, start }], "ended", "log closed"]);

  const slow = begin();
  await slow.clock.step(100);
  const recorded = ["a0", event, { attempt: 2, image: IMAGE, start, startedAt: 5 }];
  assert.deepEqual(slow.done, [recorded]);
  slow.watch.observer.ended(EXIT);
  await slow.watch.closed;
  assert.deepEqual(slow.done, [recorded, "ended", "log closed"]);

  const waits = begin();
  waits.watch.observer.progress("later");
  await waits.clock.step(0);
  assert.deepEqual(waits.done[0], recorded, "what follows comes after it");

  const left = begin();
  await left.watch.close();
  await left.clock.step(1_000);
  assert.deepEqual(left.done, ["log closed"], "the next server is told again that it started");
});
