import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { actionRecord } from "../../test/helpers/action-record.ts";
import { IMAGE } from "../../test/helpers/resolved-image.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import type { AttemptExit, AttemptFacts, AttemptRecord } from "../domain/attempt.ts";
import { NO_PROGRAM } from "../../test/helpers/evidence.ts";
import type { Written } from "../domain/outcome/evidence.ts";
import { createRedactor } from "../lib/redact.ts";
import { createAttemptResults } from "./attempt-results.ts";

const ACTION = actionRecord(1, "a0", { phase: "running", attempt: 2 });
const ENDED = actionRecord(1, "a0", { phase: "succeeded", attempt: 2 });
const QUEUED = actionRecord(1, "a0", { phase: "queued", attempt: 2 });
const KEY = { ...ACTION.key, attempt: 2 };
const PREFIX = "s3://b/r/a0/2";
const EVIDENCE = {
  image: IMAGE,
  outputPrefix: PREFIX,
  collect: async (written: Written, exit: AttemptExit | undefined) => ({
    written,
    exit: exit ?? { reason: "exited" as const, outOfMemory: false },
    image: IMAGE,
    program: NO_PROGRAM,
    hasBegun: true,
    log: [],
    uploadRefused: undefined,
  }),
};
const SECRET = randomBytes(32).toString("base64url");

interface SubjectOptions {
  readonly written?: Written;
  /** The action after the event; null: the event is stale. */
  readonly after?: ActionRecord | null;
  readonly attempts?: readonly Partial<AttemptRecord>[];
  readonly isGone?: boolean;
}

function subject({
  written = { kind: "nothing" },
  after = ENDED,
  attempts = [],
  isGone = false,
}: SubjectOptions) {
  const clock = steppedClock();
  const applied: unknown[] = [];
  const recorded: AttemptFacts[] = [];
  const read: string[] = [];
  const results = createAttemptResults({
    store: {
      getAction: async () => (isGone ? undefined : ACTION),
      listAttempts: async () => attempts as AttemptRecord[],
    },
    work: {
      recordAttempt: async (action, facts, at) => {
        assert.deepEqual([action.id, at], [1, clock.now()]);
        recorded.push(facts);
      },
    },
    apply: async (key, event, extra) => {
      applied.push([key.action, event, extra?.attempt]);
      return after ?? undefined;
    },
    readWritten: async (prefix) => {
      read.push(prefix);
      return written;
    },
    redactorOf: () => createRedactor([SECRET]),
    clock,
  });
  return { results, clock, applied, recorded, read };
}

test("the end of a process counts with what it wrote, its exit code and its times", async () => {
  const { results, applied, recorded, read } = subject({ written: { kind: "outputs" } });
  const exit = { reason: "exited", exitCode: 0, outOfMemory: false, startedAt: 5, endedAt: 7 } as const;
  assert.deepEqual(await results.ended(ACTION, exit, EVIDENCE), { error: undefined, isRetried: false });
  assert.deepEqual(read, [PREFIX]);
  assert.deepEqual(applied, [
    [
      "a0",
      { type: "attemptSucceeded", attempt: 2, outputUri: PREFIX },
      {
        attempt: 2,
        image: IMAGE,
        startedAt: 5,
        exitCode: 0,
        endedAt: 7,
        outcome: "succeeded",
        error: undefined,
        outputUri: PREFIX,
      },
    ],
  ]);
  assert.deepEqual(recorded, []);
});

test("an end without a time is over now; an error is recorded without an address of outputs", async () => {
  const error = { code: "E", message: "x".repeat(100_000), kind: "user", recoverable: true } as const;
  const { results, applied, clock } = subject({ written: { kind: "error", error, whileLoading: false } });
  const counted = await results.ended(
    ACTION,
    { reason: "exited", exitCode: 1, outOfMemory: false },
    EVIDENCE,
  );
  const [[, event, facts]] = applied as [[string, { error: object }, AttemptFacts]];
  assert.ok((counted?.error?.message.length ?? 0) < 100_000, "it is shortened");
  assert.deepEqual(event, { type: "attemptFailed", attempt: 2, error: counted?.error, isRunning: false });
  assert.deepEqual(
    [facts.outcome, facts.error, facts.outputUri, facts.endedAt],
    ["failed", counted?.error, undefined, clock.now()],
  );
});

test("an attempt that could not be started ends now", async () => {
  const { results, applied, clock, read } = subject({});
  const outcome = { kind: "preempted", reason: "taken" } as const;
  assert.deepEqual(await results.notWatched(ACTION, outcome), { error: undefined, isRetried: false });
  const [[, event, facts]] = applied as [[string, object, AttemptFacts]];
  assert.deepEqual(event, { type: "attemptPreempted", attempt: 2, reason: "taken" });
  assert.deepEqual([facts.outcome, facts.endedAt], ["preempted", clock.now()]);
  assert.deepEqual(read, []);
});

test("what is written counts while the process runs; nothing written does not", async () => {
  const nothing = subject({});
  assert.equal(await nothing.results.written(ACTION, EVIDENCE), undefined);
  assert.deepEqual([nothing.applied, nothing.read], [[], [PREFIX]]);
  const outputs = subject({ written: { kind: "outputs" } });
  assert.deepEqual(await outputs.results.written(ACTION, EVIDENCE), { error: undefined, isRetried: false });
  const [[, event, facts]] = outputs.applied as [[string, object, AttemptFacts]];
  assert.deepEqual(event, { type: "attemptSucceeded", attempt: 2, outputUri: PREFIX });
  assert.deepEqual([facts.image, facts.endedAt, facts.exitCode], [IMAGE, undefined, undefined]);
});

test("an error that is written while the process runs says whether another attempt follows", async () => {
  const error = { code: "E", message: "no", kind: "user", recoverable: true } as const;
  const written = { kind: "error", error, whileLoading: false } as const;
  const retried = subject({ written, after: QUEUED });
  assert.deepEqual(await retried.results.written(ACTION, EVIDENCE), { error, isRetried: true });
  assert.deepEqual(retried.applied[0], [
    "a0",
    { type: "attemptFailed", attempt: 2, error, isRunning: true },
    { attempt: 2, image: IMAGE, outcome: "failed", error, outputUri: undefined },
  ]);
  const failed = subject({ written });
  assert.deepEqual(await failed.results.written(ACTION, EVIDENCE), { error, isRetried: false });
});

test("an end that no longer counts adds what was not known of the process", async () => {
  const exit = { reason: "exited", exitCode: 143, outOfMemory: false, endedAt: 9 } as const;
  const late = async (attempts: readonly Partial<AttemptRecord>[], isGone = false) => {
    const { results, recorded } = subject({ after: null, attempts, isGone });
    assert.equal(await results.ended(ACTION, exit, EVIDENCE), undefined);
    return recorded;
  };
  const other = { attempt: 1, outcome: "failed" } as const;
  const aborted = { attempt: 2, outcome: "aborted" } as const;
  assert.deepEqual(await late([other, aborted]), [{ attempt: 2, exitCode: 143, endedAt: 9 }]);
  assert.deepEqual(await late([{ ...aborted, endedAt: 4 }]), [{ attempt: 2, exitCode: 143, endedAt: 4 }]);
  assert.deepEqual(await late([{ ...aborted, endedAt: 4, exitCode: 0 }]), [], "all is known");
  assert.deepEqual(await late([{ attempt: 2 }]), [], "it still counts, for somebody else");
  assert.deepEqual(await late([other]), []);
  assert.deepEqual(await late([aborted], true), []);
});

test("an end that no longer counts adds how the attempt began, where that is not recorded", async () => {
  const exit = { reason: "exited", exitCode: 143, outOfMemory: false, endedAt: 9 } as const;
  const warm = { mode: "resident", pool: "p", worker: "w", earlierAttempts: 3 } as const;
  const start = { engine: "podman", adaptations: [], warm };
  const begun = { event: { type: "started", attempt: 2, at: 5 }, start } as const;
  const late = async (record: Partial<AttemptRecord>) => {
    const { results, recorded } = subject({ after: null, attempts: [record] });
    assert.equal(await results.ended(ACTION, exit, EVIDENCE, begun), undefined);
    return recorded;
  };
  const aborted = { attempt: 2, outcome: "aborted", endedAt: 9, exitCode: 143 } as const;
  const end = { attempt: 2, exitCode: 143, endedAt: 9 };
  const beginning = { image: IMAGE, startedAt: 5, start };
  assert.deepEqual(await late({ attempt: 2, outcome: "aborted" }), [{ ...beginning, ...end }]);
  assert.deepEqual(await late(aborted), [{ ...beginning, ...end }]);
  assert.deepEqual(await late({ ...aborted, startedAt: 5 }), []);
});

test("an end that nobody watched is over now, with its exit code where that is known", async () => {
  const known = subject({ attempts: [{ attempt: 2, outcome: "aborted" }] });
  await known.results.endedUnwatched(KEY, 137);
  assert.deepEqual(known.recorded, [{ attempt: 2, exitCode: 137, endedAt: known.clock.now() }]);
  const unknown = subject({ attempts: [{ attempt: 2, outcome: "aborted", endedAt: 3 }] });
  await unknown.results.endedUnwatched(KEY, undefined);
  assert.deepEqual(unknown.recorded, []);
});

test("an error that was written, or says why there is none, is kept without the attempt's secrets", async () => {
  const error = { code: "E", message: `at /t/${SECRET}/x`, kind: "user", recoverable: false } as const;
  const redacted = { ...error, message: "at /t/***/x" };
  const { results } = subject({ written: { kind: "error", error, whileLoading: false } });
  assert.deepEqual((await results.written(ACTION, EVIDENCE))?.error?.message, redacted.message);
  const { results: others, applied } = subject({});
  const hint = `unset ${SECRET}`;
  const counted = await others.notWatched(ACTION, { kind: "lost", error: { ...error, hint } });
  assert.deepEqual(counted?.error, { ...redacted, hint: "unset ***" });
  assert.doesNotMatch(JSON.stringify(applied), new RegExp(SECRET, "u"));
});
