import assert from "node:assert/strict";
import { test } from "node:test";
import { actionRecord } from "../../test/helpers/action-record.ts";
import { recordingLogger } from "../../test/helpers/recording-logger.ts";
import { IMAGE } from "../../test/helpers/resolved-image.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import type { AttemptFacts, AttemptRecord } from "../domain/attempt.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { EVERYONE } from "../domain/principal.ts";
import { NO_SETTINGS } from "../domain/run.ts";
import type { ActionEvent } from "../domain/transition.ts";
import type { AttemptObserver, Executor } from "../executors/executor.ts";
import type { AttemptLogs } from "../logs/attempt-logs.ts";
import type { AttemptSources, Store } from "../store/store.ts";
import { attemptText, createAttempts } from "./attempts.ts";
import { createObjectTraffic } from "./object-traffic.ts";
import { createRedactor } from "../lib/redact.ts";
import { signingKeysOf } from "../../test/helpers/signing-keys.ts";

const ACTION = actionRecord(1, "a0", { phase: "initializing", attempt: 1 }, { specDigest: "digest" });
const KEY = { ...ACTION.key, attempt: 1 };
const STARTED = { reason: "exited", exitCode: 0, outOfMemory: false } as const;

const SOURCES = {
  run: {
    id: 1,
    key: KEY,
    baseUri: "s3://b/r",
    settings: NO_SETTINGS,
    createdAt: 1,
    authority: EVERYONE,
  },
  definition: { image: "image:1", command: [], args: [], env: {}, requests: {}, limits: {} },
  image: IMAGE,
} as unknown as AttemptSources;
const UNPINNED: Partial<Store> = {
  attemptSources: async () => ({ ...SOURCES, image: undefined }),
  runImages: async () => [],
};

interface SubjectOptions {
  readonly store?: Partial<Store>;
  readonly executor?: Partial<Executor>;
  readonly openLog?: () => Promise<void>;
  readonly closeLog?: () => Promise<void>;
  /** Whether something is written when it is read. */
  readonly isWritten?: () => boolean;
}

/** Attempts with all that they use in memory. `calls`: what was asked of the executor and of the log, in order. */
function subject(options: SubjectOptions = {}) {
  const clock = steppedClock();
  const { log, lines } = recordingLogger();
  const calls: unknown[] = [];
  const events: ActionEvent[] = [];
  const facts: AttemptFacts[] = [];
  const notes: unknown[] = [];
  const observers: AttemptObserver[] = [];
  const executor = {
    environmentFor: async ({ key, image, endpoint, accessKeyId, secretAccessKey }) => ({
      ACCESS: [attemptText(key), image.pinned, endpoint, accessKeyId !== "", secretAccessKey !== ""].join(
        " ",
      ),
    }),
    resolveImage: async () => assert.fail("the run has the image"),
    start: async (spec, _sink, observer) => {
      calls.push(["start", spec.key, spec.env["ACCESS"]]);
      observers.push(observer);
    },
    stop: async (key, graceMs) => {
      calls.push(["stop", key, graceMs]);
      observers.at(-1)?.ended(STARTED);
      return 143;
    },
    release: async (key) => void calls.push(["release", key]),
    close: async () => void calls.push(["close"]),
    ...options.executor,
  } as Executor;
  const attempts = createAttempts({
    reuseNotes: { startedCold: async (_run, task, reason) => void notes.push([task.image, reason]) },
    store: {
      attemptSources: async (action: ActionRecord) => {
        assert.equal(action.specDigest, "digest");
        return SOURCES;
      },
      getAction: async () => ACTION,
      listAttempts: async () => [{ attempt: 1, outcome: "aborted" } as AttemptRecord],
      ...options.store,
    } as unknown as Store,
    work: { recordAttempt: async (_action, recorded) => void facts.push(recorded) },
    apply: async (_key, event) => {
      assert.ok(typeof event !== "function");
      events.push(event);
      return ACTION;
    },
    redactorOf: () => createRedactor([]),
    readWritten: async () => ({ kind: (options.isWritten?.() ?? true) ? "outputs" : "nothing" }),
    executor,
    logs: {
      open: async () => {
        await options.openLog?.();
        return {
          write: () => {},
          flush: async () => {},
          close: async () => {
            await options.closeLog?.();
            calls.push(["log closed"]);
          },
          lastAtMs: undefined,
        };
      },
      tail: async () => [],
    } as unknown as AttemptLogs,
    traffic: createObjectTraffic(),
    signingKeys: signingKeysOf("secret"),
    endpoint: () => "127.0.0.1:1",
    stopGraceMs: 10,
    lingerMs: 30_000,
    clock,
    log,
  });
  const lost = (message: string): ActionEvent => ({
    type: "attemptLost",
    attempt: 1,
    error: { code: "Interrupted", message, kind: "system", recoverable: true },
    isRunning: false,
  });
  return { attempts, clock, lines, calls, events, facts, observers, lost };
}

const SPEC_ENV = "p/d/r/a0/1 image@sha256:1 127.0.0.1:1 true true";
const SUCCEEDED = { type: "attemptSucceeded", attempt: 1, outputUri: "s3://b/r/a0/1" } as const;

test("an attempt is started once, its end recorded and its log closed", async () => {
  const { attempts, clock, calls, events, observers } = subject();
  attempts.supervise(ACTION);
  attempts.supervise(ACTION);
  await clock.step(0);
  assert.deepEqual(calls, [["start", KEY, SPEC_ENV]]);
  observers[0]?.ended(STARTED);
  await clock.step(0);
  assert.deepEqual(events, [SUCCEEDED]);
  assert.deepEqual(calls.slice(1), [["log closed"]]);
  await attempts.release(KEY);
  assert.deepEqual(calls.slice(2), [["release", KEY]]);
  attempts.supervise(ACTION);
  await clock.step(0);
  assert.equal(observers.length, 2, "nothing is left of the first");
  await attempts.close();
});

test("an attempt whose log cannot be closed is forgotten", async () => {
  const closeLog = async () => {
    throw new Error("disk full");
  };
  const { attempts, clock, events, observers } = subject({ closeLog });
  attempts.supervise(ACTION);
  await clock.step(0);
  observers[0]?.ended(STARTED);
  await clock.step(0);
  assert.deepEqual(events, [SUCCEEDED]);
  attempts.supervise(ACTION);
  await clock.step(0);
  assert.equal(observers.length, 2, "nothing is left of the first");
  await attempts.close();
});

test("an action that has lost its run or its task is lost", async () => {
  const { attempts, clock, events, lost, lines, calls } = subject({
    store: { attemptSources: async () => undefined },
  });
  attempts.supervise(ACTION);
  await clock.step(0);
  assert.deepEqual(events, [lost("action 1 has lost its run or task")]);
  assert.deepEqual(lines, [
    {
      level: "error",
      message: "an attempt could not be started or watched",
      attempt: "p/d/r/a0/1",
      error: "action 1 has lost its run or task",
    },
  ]);
  assert.deepEqual(calls, []);
});

test("an image that is not there fails the attempt, which never starts", async () => {
  const { attempts, clock, events, calls, lines } = subject({
    store: UNPINNED,
    executor: {
      resolveImage: async () => {
        throw new BoxkiteError("IMAGE_NOT_FOUND", "there is no image:1", { hint: "push it" });
      },
    },
  });
  attempts.supervise(ACTION);
  await clock.step(0);
  const error = {
    code: "ImagePullBackOff",
    message: "there is no image:1",
    hint: "push it",
    kind: "user",
    recoverable: false,
  };
  assert.deepEqual(events, [{ type: "attemptFailed", attempt: 1, error, isRunning: false }]);
  assert.deepEqual([calls, lines], [[], []]);
  attempts.supervise(ACTION);
  await clock.step(0);
  assert.equal(events.length, 2, "nothing is left of the first");
});

test("an executor that breaks at the start loses the attempt, and its log is closed", async () => {
  const { attempts, clock, events, calls, lost } = subject({
    executor: {
      start: async () => {
        throw new Error("no socket");
      },
    },
  });
  attempts.supervise(ACTION);
  await clock.step(0);
  assert.deepEqual(events, [lost("no socket")]);
  assert.deepEqual(calls, [["log closed"]]);
});

test("a log that cannot be opened for want of descriptors is opened later; for another reason, the attempt is lost", async () => {
  let code: string | undefined = "EMFILE";
  const { attempts, clock, events, calls, lines, lost } = subject({
    openLog: async () => {
      if (code !== undefined) throw Object.assign(new Error(`open: ${code}`), { code });
    },
  });
  attempts.supervise(ACTION);
  await clock.step(0);
  assert.deepEqual([calls, events], [[], []]);
  assert.equal(lines[0]?.["attempt"], "p/d/r/a0/1");
  code = undefined;
  await clock.step(200);
  assert.equal(calls.length, 1);
  code = "EACCES";
  attempts.supervise(
    actionRecord(2, "other", { phase: "initializing", attempt: 1 }, { specDigest: "digest" }),
  );
  await clock.step(0);
  assert.deepEqual(events, [lost("open: EACCES")]);
  await attempts.close();
});

test("a stop waits for the start, ends the process, and frees it when its end is recorded", async () => {
  const opened = Promise.withResolvers<void>();
  const { attempts, clock, calls, events } = subject({ openLog: () => opened.promise });
  attempts.supervise(ACTION);
  const stopped = attempts.stop(KEY);
  await clock.step(0);
  assert.deepEqual(calls, []);
  opened.resolve();
  await stopped;
  assert.deepEqual(calls, [["start", KEY, SPEC_ENV], ["stop", KEY, 10], ["log closed"], ["release", KEY]]);
  assert.deepEqual(events, [SUCCEEDED]);
});

test("an attempt that nobody watches is ended and freed, and its exit code recorded", async () => {
  const { attempts, calls, facts, clock } = subject();
  await attempts.stop(KEY);
  assert.deepEqual(facts, [{ attempt: 1, exitCode: 143, endedAt: clock.now() }]);
  assert.deepEqual(calls, [
    ["stop", KEY, 10],
    ["release", KEY],
  ]);
});

test("an executor that does not report the end keeps nothing from being freed for more than 30 s", async () => {
  const { attempts, clock, calls } = subject({ executor: { stop: async () => undefined } });
  attempts.supervise(ACTION);
  await clock.step(0);
  const stopped = attempts.stop(KEY);
  await clock.step(29_999);
  assert.deepEqual(calls.slice(1), []);
  await clock.step(1);
  assert.deepEqual(calls.slice(1), [["release", KEY], ["log closed"]]);
  await stopped;
  attempts.supervise(ACTION);
  await clock.step(0);
  assert.equal(calls.length, 4, "it may be started again");
  await attempts.close();
});

test("a process that goes on after its result is freed when it ends, or ended when its time is over", async () => {
  for (const ends of [true, false]) {
    const { attempts, clock, calls, observers, events } = subject();
    attempts.supervise(ACTION);
    await clock.step(0);
    assert.equal(attempts.isLingering(KEY), false);
    attempts.resultWritten(KEY);
    await clock.step(1_000);
    assert.deepEqual(events, [SUCCEEDED]);
    assert.equal(attempts.isLingering(KEY), true);
    const released = attempts.release(KEY);
    await clock.step(29_999);
    assert.deepEqual(calls.slice(1), []);
    if (ends) observers[0]?.ended(STARTED);
    else await clock.step(1);
    await clock.step(0);
    await released;
    const [last] = (calls as string[][]).slice(-1);
    assert.equal(
      calls.some((call) => (call as string[])[0] === "stop"),
      !ends,
    );
    assert.equal(last?.[0], "release");
    assert.equal(attempts.isLingering(KEY), false);
  }
});

test("a process whose time is over is not waited for, and does not count as lingering", async () => {
  const { attempts, clock, calls } = subject();
  attempts.supervise(ACTION);
  await clock.step(0);
  attempts.resultWritten(KEY);
  await clock.step(31_000);
  assert.equal(attempts.isLingering(KEY), false);
  const released = attempts.release(KEY);
  await clock.step(0);
  await released;
  assert.deepEqual(calls.slice(1), [["stop", KEY, 10], ["log closed"], ["release", KEY]]);
});

test("what an earlier server's attempt wrote counts when it is taken up", async () => {
  const taken = subject();
  taken.attempts.takeUp(ACTION);
  await taken.clock.step(1_000);
  assert.deepEqual(taken.events, [SUCCEEDED]);
  await taken.attempts.close();
  const started = subject();
  started.attempts.supervise(ACTION);
  await started.clock.step(60_000);
  assert.deepEqual(started.events, []);
  started.attempts.resultWritten({ ...KEY, attempt: 7 });
  await started.attempts.close();
});

test("a server that stops leaves its attempts alone: what waits for one rejects, and none is started", async () => {
  let stops = 0;
  const { attempts, clock, calls, observers } = subject({ executor: { stop: async () => void stops++ } });
  const message = "the attempts are left to whoever drives the runs next";
  attempts.supervise(ACTION);
  await clock.step(0);
  const stopped = assert.rejects(attempts.stop(KEY), { message });
  await clock.step(0);
  await attempts.close();
  await stopped;
  assert.deepEqual(calls.slice(1), [["close"], ["log closed"]]);
  await assert.rejects(attempts.stop(KEY), { message });
  await assert.rejects(attempts.release(KEY), { message });
  assert.equal(stops, 1, "that of before");
  attempts.supervise(
    actionRecord(2, "other", { phase: "initializing", attempt: 1 }, { specDigest: "digest" }),
  );
  await clock.step(0);
  assert.equal(observers.length, 1);
  assert.deepEqual(calls.length, 3);
});

test("a lingering process is left to the next server", async () => {
  const { attempts, clock, calls } = subject();
  attempts.supervise(ACTION);
  await clock.step(0);
  attempts.resultWritten(KEY);
  await clock.step(1_000);
  const released = assert.rejects(attempts.release(KEY));
  await attempts.close();
  await released;
  assert.deepEqual(calls.slice(1), [["close"], ["log closed"]]);
  assert.equal(clock.pending, 0);
});

test("a server that stops while an attempt is prepared does not start it", async () => {
  const opened = Promise.withResolvers<void>();
  const { attempts, clock, calls } = subject({ openLog: () => opened.promise });
  attempts.supervise(ACTION);
  await clock.step(0);
  const closed = attempts.close();
  opened.resolve();
  await closed;
  assert.deepEqual(calls, [["close"], ["log closed"]]);
});
