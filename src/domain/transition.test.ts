import assert from "node:assert/strict";
import { test } from "node:test";
import {
  hasLiveAttempt,
  NO_RETRIES,
  type ActionError,
  type ActionState,
  type AttemptPolicy,
} from "./action.ts";
import { newTaskState } from "./initial-state.ts";
import { isTerminal, PHASES, type Phase } from "./phase.ts";
import { chartOf, OF_SLEEPS, RETRIED, STANDINGS, TRANSITIONS, type Standing } from "./transition-table.ts";
import {
  IllegalTransition,
  MAX_SYSTEM_FAILURES,
  NEVER,
  nextTimer,
  transition,
  type ActionEvent,
} from "./transition.ts";

const NOW = 1_000_000;
const ATTEMPT_EVENTS = [
  "started",
  "attemptSucceeded",
  "attemptFailed",
  "attemptLost",
  "attemptWaiting",
  "attemptPreempted",
  "attemptParked",
  "progress",
] as const;
const userError: ActionError = { code: "ValueError", message: "no", kind: "user", recoverable: true };
const lost: ActionError = { code: "Interrupted", message: "gone", kind: "system", recoverable: true };

function stateIn(phase: Phase, more: Partial<ActionState> = {}): ActionState {
  const attempt = phase === "queued" || phase === "waiting_for_resources" || phase === "paused" ? 0 : 1;
  return {
    ...newTaskState(NOW),
    phase,
    attempt,
    ...(phase === "running" ? { runningAt: NOW } : {}),
    ...(isTerminal(phase) ? { endedAt: NOW } : {}),
    ...more,
  };
}

function stateAt(standing: Standing): ActionState {
  if (standing === "sleeping") return stateIn("running", { wakeAt: NOW + 20 });
  if (standing !== "attempt_waiting") return stateIn(standing);
  return stateIn("waiting_for_resources", { suspended: "waiting", attempt: 1, reason: "no node is free" });
}

function standingOf({ phase, suspended, wakeAt }: ActionState): Standing {
  if (phase === "running" && wakeAt !== undefined) return "sleeping";
  return suspended === "waiting" ? "attempt_waiting" : phase;
}

function sample(type: ActionEvent["type"], attempt: number): ActionEvent {
  switch (type) {
    case "admitted":
      return { type };
    case "waiting":
    case "parked":
    case "abortRequested":
      return { type, reason: "because" };
    case "unparked":
      return { type };
    case "progress":
      return { type, attempt, reason: "pulling image" };
    case "started":
      return { type, attempt, at: NOW };
    case "attemptSucceeded":
      return { type, attempt, outputUri: "s3://b/o" };
    case "attemptFailed":
      return { type, attempt, error: userError };
    case "attemptLost":
      return { type, attempt, error: lost };
    case "attemptWaiting":
    case "attemptPreempted":
    case "attemptParked":
      return { type, attempt, reason: "because" };
    case "timerFired":
      return { type, timer: "deadline" };
    case "slept":
      return { type };
    case "signalled":
      return { type, value: new Uint8Array([1]) };
    case "cacheHit":
      return {
        type,
        outputUri: "s3://b/o",
        source: { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 },
      };
  }
}

/** What the event leads to. */
function targetOf(standing: Standing, event: ActionEvent, policy: AttemptPolicy): string {
  try {
    const next = transition(stateAt(standing), policy, event, NOW + 20);
    return next === undefined ? "stale" : standingOf(next.state);
  } catch (error) {
    assert.ok(error instanceof IllegalTransition, String(error));
    return "illegal";
  }
}

const EVENTS = Object.keys(TRANSITIONS) as ActionEvent["type"][];

test("every phase meets every event as the table says", () => {
  const policy: AttemptPolicy = { userRetries: 0, deadlineMs: 10 };
  for (const standing of STANDINGS) {
    const state = stateAt(standing);
    for (const type of EVENTS) {
      const expected = isTerminal(state.phase) ? "stale" : TRANSITIONS[type][standing];
      const actual = targetOf(standing, sample(type, state.attempt), policy);
      assert.equal(actual, expected ?? "illegal", `${standing} + ${type}`);
    }
  }
});

test("a sleep meets every event as other tasks do, but where the table says otherwise", () => {
  const policy: AttemptPolicy = { userRetries: 0, deadlineMs: 10, sleepMs: 20 };
  for (const standing of ["queued", "waiting_for_resources", "sleeping"] as const) {
    for (const type of EVENTS) {
      const expected = OF_SLEEPS[type]?.[standing] ?? TRANSITIONS[type][standing];
      const actual = targetOf(standing, sample(type, stateAt(standing).attempt), policy);
      assert.equal(actual, expected ?? "illegal", `${standing} + ${type}`);
    }
  }
});

test("where a retry is left, the events of an attempt lead where the table says", () => {
  const policy: AttemptPolicy = { userRetries: 1, maxRuntimeMs: 10 };
  for (const [type, row] of Object.entries(RETRIED) as [ActionEvent["type"], Record<Standing, string>][]) {
    for (const [standing, expected] of Object.entries(row) as [Standing, string][]) {
      const event: ActionEvent =
        type === "timerFired" ? { type, timer: "runtime" } : sample(type, stateAt(standing).attempt);
      assert.equal(targetOf(standing, event, policy), expected, `${standing} + ${type}`);
    }
  }
});

test("a terminal phase is never overwritten", () => {
  for (const phase of PHASES.filter(isTerminal)) {
    for (const type of Object.keys(TRANSITIONS) as ActionEvent["type"][]) {
      assert.equal(transition(stateIn(phase), NO_RETRIES, sample(type, 1), NOW), undefined);
    }
  }
});

test("what cannot happen in a phase is refused with both names", () => {
  assert.throws(() => transition(stateIn("running"), NO_RETRIES, { type: "admitted" }, NOW), {
    name: "IllegalTransition",
    message: "event admitted cannot happen in phase running",
  });
});

test("each attempt begins at its place in the queue; the action began with its first", () => {
  const first = transition(
    stateIn("queued", { reason: "no place" }),
    NO_RETRIES,
    { type: "admitted" },
    NOW + 1,
  );
  assert.deepEqual(first, {
    state: stateIn("initializing", {
      startedAt: NOW + 1,
      runningAt: undefined,
      reason: undefined,
      suspended: undefined,
    }),
    effects: [],
  });
  const again = { attempt: 1, startedAt: NOW + 1, runningAt: NOW + 2 };
  const second = transition(stateIn("queued", again), NO_RETRIES, { type: "admitted" }, NOW + 9)?.state;
  assert.deepEqual([second?.attempt, second?.startedAt, second?.runningAt], [2, NOW + 1, undefined]);
});

test("why it waits is told once, and anew when it changes", () => {
  const wait = (state: ActionState, reason: string) =>
    transition(state, NO_RETRIES, { type: "waiting", reason }, NOW)?.state;
  const waiting = stateIn("waiting_for_resources", { reason: "memory" });
  assert.deepEqual(wait(stateIn("queued"), "memory"), waiting);
  assert.deepEqual(wait(stateIn("queued", { reason: "memory" }), "memory"), waiting);
  assert.equal(wait(waiting, "memory"), undefined);
  assert.equal(wait(waiting, "processors")?.reason, "processors");
});

test("what is parked stays until it is called, and its wait counts from the beginning", () => {
  const parked = transition(
    stateIn("queued"),
    NO_RETRIES,
    { type: "parked", reason: "another computes" },
    NOW,
  );
  assert.deepEqual(
    parked?.state,
    stateIn("waiting_for_resources", { reason: "another computes", notBefore: NEVER, wakeAt: undefined }),
  );
  const policy = { userRetries: 0, queuedTimeoutMs: 50 };
  assert.deepEqual(nextTimer(parked?.state as ActionState, policy), { name: "queued", at: NOW + 50 });
  const called = transition(parked?.state as ActionState, NO_RETRIES, { type: "unparked" }, NOW + 7);
  assert.deepEqual(
    called?.state,
    stateIn("queued", { reason: undefined, notBefore: NOW + 7, suspended: undefined, wakeAt: undefined }),
  );
});

test("progress is told once; a start ends it, and counts from when it was", () => {
  const progress = (state: ActionState) =>
    transition(state, NO_RETRIES, { type: "progress", attempt: 1, reason: "pulling" }, NOW)?.state;
  const pulling = stateIn("initializing", { reason: "pulling", suspended: undefined });
  assert.deepEqual(progress(stateIn("initializing")), pulling);
  assert.equal(progress(pulling), undefined);
  assert.equal(progress(stateIn("running")), undefined);
  const started = transition(pulling, NO_RETRIES, { type: "started", attempt: 1, at: NOW + 5 }, NOW + 9);
  assert.deepEqual(
    started?.state,
    stateIn("running", { runningAt: NOW + 5, reason: undefined, suspended: undefined }),
  );
});

test("success keeps the outputs, populates the cache where it is used, and frees what there was", () => {
  const event: ActionEvent = { type: "attemptSucceeded", attempt: 1, outputUri: "s3://b/o" };
  const succeed = (more: Partial<ActionState>) =>
    transition(stateIn("running", more), NO_RETRIES, event, NOW + 5);
  assert.deepEqual(succeed({ reason: "runs" }), {
    state: stateIn("succeeded", {
      runningAt: NOW,
      endedAt: NOW + 5,
      outputUri: "s3://b/o",
      error: undefined,
      reason: undefined,
      suspended: undefined,
      wakeAt: undefined,
    }),
    effects: [{ type: "releaseAttempt", attempt: 1 }, { type: "abortChildren" }, { type: "ended" }],
  });
  assert.equal(succeed({ cacheStatus: "miss" })?.state.cacheStatus, "populated");
});

test("a condition's answer is its value", () => {
  const value = new Uint8Array([1]);
  const answered = transition(stateIn("paused"), NO_RETRIES, { type: "signalled", value }, NOW + 5);
  assert.deepEqual([answered?.state.value, answered?.state.endedAt], [value, NOW + 5]);
  assert.deepEqual(answered?.effects, [{ type: "ended" }]);
});

test("a result from the cache ends the action before any attempt", () => {
  const source = { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 };
  const event: ActionEvent = { type: "cacheHit", outputUri: "s3://b/o", source };
  const hit = transition(stateIn("queued"), NO_RETRIES, event, NOW + 5);
  const { phase, attempt, cacheStatus, startedAt, outputUri } = hit?.state ?? {};
  assert.deepEqual(
    { phase, attempt, cacheStatus, startedAt, outputUri },
    { phase: "succeeded", attempt: 0, cacheStatus: "hit", startedAt: NOW + 5, outputUri: "s3://b/o" },
  );
  assert.deepEqual(hit?.state.source, source);
  assert.deepEqual(hit?.effects, [{ type: "ended" }]);
  // It has been admitted before, and waits for another attempt.
  const retried = transition(stateIn("queued", { attempt: 1, startedAt: NOW }), NO_RETRIES, event, NOW + 5);
  assert.equal(retried?.state.startedAt, NOW);
});

test("a lost attempt is tried again after a while that grows; what no retry mends is the end", () => {
  const lose = (systemFailures: number, error: ActionError) =>
    transition(
      stateIn("running", { systemFailures }),
      NO_RETRIES,
      { type: "attemptLost", attempt: 1, error },
      NOW,
    );
  assert.deepEqual(lose(0, lost), {
    state: stateIn("queued", {
      attempt: 1,
      notBefore: NOW + 1_000,
      systemFailures: 1,
      error: lost,
      runningAt: undefined,
      reason: undefined,
      suspended: undefined,
      wakeAt: undefined,
    }),
    effects: [{ type: "releaseAttempt", attempt: 1 }],
  });
  assert.equal(lose(1, lost)?.state.notBefore, NOW + 4_000);
  const end = lose(0, { ...lost, recoverable: false });
  assert.deepEqual([end?.state.phase, end?.state.systemFailures], ["failed", 1]);
  assert.equal(end?.state.error?.code, "Interrupted");
  assert.deepEqual(end?.effects, [
    { type: "releaseAttempt", attempt: 1 },
    { type: "abortChildren" },
    { type: "ended" },
  ]);
});

test("a failure without retries ends the action under its own code, and is counted", () => {
  const event: ActionEvent = { type: "attemptFailed", attempt: 1, error: userError };
  const end = transition(stateIn("running"), NO_RETRIES, event, NOW + 5);
  assert.deepEqual(end?.state.error, userError);
  assert.deepEqual([end?.state.userFailures, end?.state.endedAt], [1, NOW + 5]);
  assert.deepEqual(end?.effects, [
    { type: "releaseAttempt", attempt: 1 },
    { type: "abortChildren" },
    { type: "ended" },
  ]);
});

test("a retry without a backoff comes at once", () => {
  const event: ActionEvent = { type: "attemptFailed", attempt: 1, error: userError };
  const next = transition(stateIn("running", { queuedAt: 1 }), { userRetries: 1 }, event, NOW + 5);
  assert.deepEqual([next?.state.queuedAt, next?.state.notBefore], [NOW + 5, NOW + 5]);
  assert.equal(next?.state.runningAt, undefined);
});

test("a process that goes on after an error is stopped before another attempt, and lingers at the end", () => {
  for (const type of ["attemptFailed", "attemptLost"] as const) {
    const effectOf = (recoverable: boolean, isRunning: boolean) => {
      const event: ActionEvent = { type, attempt: 1, error: { ...userError, recoverable }, isRunning };
      return transition(stateIn("running"), { userRetries: 1 }, event, NOW)?.effects[0];
    };
    assert.deepEqual(effectOf(true, true), { type: "stopAttempt", attempt: 1 });
    assert.deepEqual(effectOf(true, false), { type: "releaseAttempt", attempt: 1 });
    assert.deepEqual(effectOf(false, true), { type: "releaseAttempt", attempt: 1 });
  }
});

test("only what initializes, or runs in an attempt, has a process to look after", () => {
  assert.ok(hasLiveAttempt(stateIn("initializing")));
  assert.ok(hasLiveAttempt(stateIn("running")));
  // A trace runs inside its parent.
  assert.ok(!hasLiveAttempt(stateIn("running", { attempt: 0 })));
  for (const phase of ["queued", "waiting_for_resources", "paused", "succeeded"] as const)
    assert.ok(!hasLiveAttempt(stateIn(phase, { attempt: 1 })), phase);
});

test("a limit that struck is named with its setting and its length", () => {
  const policy: AttemptPolicy = {
    userRetries: 0,
    queuedTimeoutMs: 1_500,
    maxRuntimeMs: 2_000,
    deadlineMs: 9_000,
  };
  const struck = (phase: Phase, timer: "queued" | "runtime" | "deadline", at: number, limits = policy) =>
    transition(stateIn(phase), limits, { type: "timerFired", timer }, at);
  const errors = [
    struck("queued", "queued", NOW + 1_500),
    struck("running", "runtime", NOW + 2_000),
    struck("initializing", "deadline", NOW + 9_000),
  ].map((next) => next?.state.error);
  assert.deepEqual(
    errors.map((error) => [error?.code, error?.message, error?.kind, error?.recoverable]),
    [
      [
        "QUEUED_TIMEOUT_EXCEEDED",
        "waited in the queue for longer than its max_queued_time of 1.5 s",
        "user",
        false,
      ],
      ["MAX_RUNTIME_EXCEEDED", "ran for longer than its max_runtime of 2 s", "user", true],
      ["DEADLINE_EXCEEDED", "was not done within its deadline of 9 s", "user", false],
    ],
  );
  assert.deepEqual(struck("initializing", "deadline", NOW + 9_000)?.effects, [
    { type: "stopAttempt", attempt: 1 },
    { type: "abortChildren" },
    { type: "ended" },
  ]);
  assert.deepEqual(struck("queued", "queued", NOW + 1_500)?.effects, [{ type: "ended" }]);
  assert.equal(struck("running", "deadline", NOW + 9_000), undefined, "another limit is due before");
  assert.equal(struck("running", "runtime", NOW + 9_000, NO_RETRIES), undefined);
});

test("events of an earlier attempt change nothing", () => {
  const state = stateIn("running", { attempt: 2 });
  for (const type of ATTEMPT_EVENTS) {
    assert.equal(transition(state, NO_RETRIES, sample(type, 1), NOW), undefined);
  }
});

test("what is told of an attempt whose time ran out, while its retry waits, changes nothing", () => {
  const policy: AttemptPolicy = { userRetries: 1, maxRuntimeMs: 10 };
  const timedOut = transition(stateIn("running"), policy, { type: "timerFired", timer: "runtime" }, NOW + 10);
  assert.equal(timedOut?.state.phase, "queued");
  for (const type of ATTEMPT_EVENTS) {
    assert.equal(transition(timedOut?.state as ActionState, policy, sample(type, 1), NOW + 20), undefined);
  }
});

test("a delay is a whole number of milliseconds, however long the backoff grows", () => {
  const policy: AttemptPolicy = { userRetries: 5_000, backoff: { baseMs: 333, factor: 1.5 } };
  for (const userFailures of [1, 4, 4_000]) {
    const event: ActionEvent = { type: "attemptFailed", attempt: 1, error: userError };
    const next = transition(stateIn("running", { userFailures }), policy, event, NOW);
    assert.ok(Number.isSafeInteger(next?.state.notBefore), String(next?.state.notBefore));
  }
});

test("user retries are spent one by one, with the delay of the backoff, and then named as exhausted", () => {
  const policy: AttemptPolicy = { userRetries: 2, backoff: { baseMs: 100, factor: 3, capMs: 200 } };
  let state = stateIn("running");
  const delays: number[] = [];
  for (let attempt = 1; attempt <= 2; attempt++) {
    const next = transition(state, policy, { type: "attemptFailed", attempt, error: userError }, NOW);
    assert.equal(next?.state.phase, "queued");
    assert.deepEqual(next?.effects, [{ type: "releaseAttempt", attempt }]);
    delays.push((next?.state.notBefore ?? 0) - NOW);
    const again = transition(next?.state as ActionState, policy, { type: "admitted" }, NOW);
    state = { ...(again?.state as ActionState), phase: "running", runningAt: NOW };
    assert.equal(state.attempt, attempt + 1);
  }
  assert.deepEqual(delays, [100, 200]);
  const end = transition(state, policy, { type: "attemptFailed", attempt: 3, error: userError }, NOW);
  assert.equal(end?.state.phase, "failed");
  assert.equal(end?.state.error?.code, "RetriesExhausted|ValueError");
});

test("an action that succeeds in its second attempt keeps no error of the first", () => {
  const state = stateIn("running", { attempt: 2, userFailures: 1, error: userError });
  const event: ActionEvent = { type: "attemptSucceeded", attempt: 2, outputUri: "s3://b/o" };
  assert.equal(transition(state, { userRetries: 1 }, event, NOW)?.state.error, undefined);
  const aborted = transition(state, { userRetries: 1 }, { type: "abortRequested", reason: "enough" }, NOW);
  assert.equal(aborted?.state.error, undefined);
});

test("an error that no retry mends ends the action at once, under its own code", () => {
  const error = { ...userError, recoverable: false };
  const end = transition(
    stateIn("running"),
    { userRetries: 5 },
    { type: "attemptFailed", attempt: 1, error },
    NOW,
  );
  assert.equal(end?.state.phase, "failed");
  assert.equal(end?.state.error?.code, "ValueError");
});

test("attempts lost to the machinery cost no user retry and end after a few", () => {
  let state = stateIn("running");
  for (let n = 1; n <= MAX_SYSTEM_FAILURES; n++) {
    const next = transition(state, { userRetries: 1 }, { type: "attemptLost", attempt: n, error: lost }, NOW);
    assert.equal(next?.state.phase, "queued");
    assert.equal(next?.state.userFailures, 0);
    state = {
      ...(transition(next?.state as ActionState, NO_RETRIES, { type: "admitted" }, NOW)
        ?.state as ActionState),
    };
  }
  const end = transition(
    state,
    { userRetries: 1 },
    { type: "attemptLost", attempt: state.attempt, error: lost },
    NOW,
  );
  assert.equal(end?.state.phase, "failed");
});

test("aborting a running action stops its attempt and its children, in that order", () => {
  const next = transition(stateIn("running"), NO_RETRIES, { type: "abortRequested", reason: "enough" }, NOW);
  assert.deepEqual(next?.effects, [
    { type: "stopAttempt", attempt: 1 },
    { type: "abortChildren" },
    { type: "ended" },
  ]);
  assert.equal(next?.state.abortReason, "enough");
});

test("aborting a queued action has nothing to stop", () => {
  const next = transition(stateIn("queued"), NO_RETRIES, { type: "abortRequested", reason: "enough" }, NOW);
  assert.deepEqual(next?.effects, [{ type: "ended" }]);
});

test("timers: the earliest limit that can still strike", () => {
  const policy: AttemptPolicy = { userRetries: 0, queuedTimeoutMs: 50, maxRuntimeMs: 70, deadlineMs: 100 };
  assert.deepEqual(nextTimer(stateIn("queued"), policy), { name: "queued", at: NOW + 50 });
  assert.deepEqual(nextTimer(stateIn("initializing"), policy), { name: "deadline", at: NOW + 100 });
  assert.deepEqual(nextTimer(stateIn("running"), policy), { name: "runtime", at: NOW + 70 });
  assert.equal(nextTimer(stateIn("succeeded"), policy), undefined);
  for (const phase of ["queued", "running"] as const)
    assert.equal(nextTimer(stateIn(phase), NO_RETRIES), undefined);
  const runtime: AttemptPolicy = { userRetries: 0, maxRuntimeMs: 70 };
  assert.equal(nextTimer(stateIn("initializing", { runningAt: NOW }), runtime), undefined);
  assert.equal(nextTimer(stateIn("running", { runningAt: undefined }), runtime), undefined);
});

test("the delay before a retry does not count as a wait in the queue", () => {
  const state = stateIn("queued", { notBefore: NOW + 500 });
  assert.equal(nextTimer(state, { userRetries: 1, queuedTimeoutMs: 50 })?.at, NOW + 550);
});

test("a run that takes too long is a failed attempt; the last one times out", () => {
  const policy: AttemptPolicy = { userRetries: 1, maxRuntimeMs: 10 };
  const first = transition(stateIn("running"), policy, { type: "timerFired", timer: "runtime" }, NOW + 10);
  assert.equal(first?.state.phase, "queued");
  assert.deepEqual(first?.effects, [{ type: "stopAttempt", attempt: 1 }]);
  const second = transition(
    stateIn("running", { attempt: 2, userFailures: 1 }),
    policy,
    { type: "timerFired", timer: "runtime" },
    NOW + 10,
  );
  assert.equal(second?.state.phase, "timed_out");
  assert.equal(second?.state.error?.code, "MAX_RUNTIME_EXCEEDED");
});

test("a timer that strikes too early, or for a state that is over, changes nothing", () => {
  const policy: AttemptPolicy = { userRetries: 0, maxRuntimeMs: 10 };
  assert.equal(
    transition(stateIn("running"), policy, { type: "timerFired", timer: "runtime" }, NOW + 9),
    undefined,
  );
  assert.equal(
    transition(stateIn("queued"), policy, { type: "timerFired", timer: "runtime" }, NOW + 90),
    undefined,
  );
});

test("an attempt for which the executor has no capacity waits under the queue's time limit, and is ended with it", () => {
  const policy: AttemptPolicy = { userRetries: 1, queuedTimeoutMs: 50, maxRuntimeMs: 10 };
  const event: ActionEvent = { type: "attemptWaiting", attempt: 1, reason: "no node is free" };
  const waiting = transition(stateIn("initializing"), policy, event, NOW)?.state as ActionState;
  assert.deepEqual(
    [waiting.phase, waiting.reason, waiting.attempt],
    ["waiting_for_resources", event.reason, 1],
  );
  assert.equal(transition(waiting, policy, event, NOW), undefined);
  assert.deepEqual(nextTimer(waiting, policy), { name: "queued", at: NOW + 50 });
  const started = transition(waiting, policy, { type: "started", attempt: 1, at: NOW + 9 }, NOW + 9);
  assert.deepEqual(
    [started?.state.phase, started?.state.suspended, started?.state.reason],
    ["running", undefined, undefined],
  );
  for (const end of [
    { type: "abortRequested", reason: "enough" },
    { type: "timerFired", timer: "queued" },
  ] as const) {
    const next = transition(waiting, policy, end, NOW + 50);
    assert.deepEqual(next?.effects[0], { type: "stopAttempt", attempt: 1 });
    assert.equal(next?.state.suspended, undefined);
  }
});

test("an attempt that was preempted is tried again as often as it takes, and costs nothing", () => {
  let state = stateIn("running", { userFailures: 1 });
  for (let attempt = 1; attempt <= 3 * MAX_SYSTEM_FAILURES; attempt++) {
    const event: ActionEvent = { type: "attemptPreempted", attempt, reason: "a more urgent pod came" };
    const next = transition(state, { userRetries: 1 }, event, NOW);
    assert.deepEqual(next?.effects, [{ type: "releaseAttempt", attempt }]);
    assert.ok(next);
    const { phase, userFailures, systemFailures, reason } = next.state;
    assert.deepEqual([phase, userFailures, systemFailures, reason], ["queued", 1, 0, event.reason]);
    state = transition(next?.state as ActionState, NO_RETRIES, { type: "admitted" }, NOW)
      ?.state as ActionState;
    assert.equal(state.attempt, attempt + 1);
  }
});

test("a parked attempt gives its capacity back, waits under no limit of the queue, and a later one goes on", () => {
  const policy: AttemptPolicy = { userRetries: 0, queuedTimeoutMs: 50 };
  const event: ActionEvent = { type: "attemptParked", attempt: 1, reason: "waits for its children" };
  const parked = transition(stateIn("running"), policy, event, NOW);
  assert.deepEqual(parked?.effects, [{ type: "releaseAttempt", attempt: 1 }, { type: "resume" }]);
  assert.ok(parked);
  const { phase, suspended, notBefore } = parked.state;
  assert.deepEqual([phase, suspended, notBefore], ["waiting_for_resources", "parked", NEVER]);
  assert.equal(nextTimer(parked?.state as ActionState, policy), undefined);
  const resumed = transition(parked?.state as ActionState, policy, { type: "unparked" }, NOW + 99);
  assert.deepEqual(nextTimer(resumed?.state as ActionState, policy), { name: "queued", at: NOW + 149 });
  const again = transition(resumed?.state as ActionState, policy, { type: "admitted" }, NOW + 99)?.state;
  assert.deepEqual(
    [again?.attempt, again?.userFailures, again?.systemFailures, again?.suspended],
    [2, 0, 0, undefined],
  );
});

test("the chart names every phase", () => {
  for (const phase of PHASES) assert.ok(chartOf().includes(phase), phase);
});
