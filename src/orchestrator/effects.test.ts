import assert from "node:assert/strict";
import { test } from "node:test";
import { actionRecord } from "../../test/helpers/action-record.ts";
import { recordingLogger } from "../../test/helpers/recording-logger.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { HttpRequest, Notification } from "../domain/notification.ts";
import { EVERYONE } from "../domain/principal.ts";
import { NO_SETTINGS, type RunRecord } from "../domain/run.ts";
import type { Effect } from "../domain/transition.ts";
import type { EffectLane, EffectRecord, Store } from "../store/store.ts";
import { createEffects } from "./effects.ts";
import { createWebhooks, type WebhooksOptions } from "./webhooks.ts";

const HOOK: HttpRequest = {
  method: "POST",
  url: "http://hook/{{.Run.Name}}",
  headers: {},
  body: "{{ .Error }}",
};
const DAY_MS = 24 * 60 * 60_000;

interface SubjectOptions {
  readonly stored?: Partial<Store>;
  /** Performs an effect of an attempt: by default at once. */
  readonly perform?: (what: "stop" | "release", attempt: number, action: string) => Promise<void>;
  readonly isLingering?: (attempt: number) => boolean;
  readonly send?: WebhooksOptions["send"];
}

/** Effects on an outbox in memory. `calls`: all that was done outside, in order. */
function subject(options: SubjectOptions = {}) {
  const clock = steppedClock();
  const { log, lines } = recordingLogger();
  const calls: (readonly [what: string, ...values: unknown[]])[] = [];
  const pending = new Map<number, EffectRecord & { lane: EffectLane; notBefore: number }>();
  const reads = { pendingEffects: 0, nextEffect: 0 };
  const failNext = { pendingEffects: 0, postponeEffect: 0 };
  let ids = 0;
  const fail = (method: keyof typeof failNext) => {
    if (failNext[method]-- > 0) throw new Error(`${method} fails`);
    failNext[method] = 0;
  };
  const add = (effect: Effect, action: ActionRecord = actionRecord(1, "a0")) => {
    assert.equal(typeof effect.type, "string");
    const lane = effect.type === "sendWebhook" ? "webhooks" : "own";
    pending.set(++ids, { id: ids, action, effect, createdAt: clock.now(), lane, notBefore: 0 });
  };
  const perform = options.perform ?? (async () => {});
  const attempt =
    (what: "stop" | "release") => async (key: { attempt: number; action: string; run: string }) => {
      calls.push([what, key]);
      await perform(what, key.attempt, key.action);
    };
  const store = {
    getRun: async () => undefined,
    getAction: async () => undefined,
    parkedFor: async () => [],
    liveChildren: async () => [],
    awaitsChildren: async () => false,
    ...options.stored,
  } as Partial<Store> as Store;
  const effects = createEffects({
    store,
    work: {
      hasEffects: async (lane) => [...pending.values()].some((effect) => effect.lane === lane),
      pendingEffects: async (lane, now, limit, except = []) => {
        fail("pendingEffects");
        reads.pendingEffects++;
        return [...pending.values()]
          .filter((effect) => effect.lane === lane && effect.notBefore <= now && !except.includes(effect.id))
          .slice(0, limit);
      },
      nextEffect: async (now) => {
        reads.nextEffect++;
        const times = [...pending.values()].map(({ notBefore }) => notBefore).filter((time) => time > now);
        return times.length === 0 ? undefined : Math.min(...times);
      },
      postponeEffect: async (id, notBefore) => {
        fail("postponeEffect");
        const effect = pending.get(id);
        if (effect) pending.set(id, { ...effect, notBefore });
      },
      effectDone: async (id, at, following = []) => {
        assert.equal(at, clock.now());
        const { action } = pending.get(id) ?? {};
        pending.delete(id);
        for (const effect of following) add(effect, action);
      },
    },
    apply: async (key, event) => void calls.push(["apply", key.action, event]),
    attempts: {
      stop: attempt("stop"),
      release: attempt("release"),
      isLingering: (key) => options.isLingering?.(key.attempt) ?? false,
    },
    onFreed: (queue) => calls.push(["freed", queue]),
    webhooks: createWebhooks({
      store,
      send: async (request, isTrusted) => {
        calls.push(["send", request]);
        await options.send?.(request, isTrusted);
      },
      clock,
      log,
    }),
    clock,
    log,
  });
  return {
    effects,
    clock,
    lines,
    calls,
    pending,
    failNext,
    reads,
    add,
    /** Adds an effect, and waits until it was tried. */
    perform: async (effect: Effect, action?: ActionRecord) => {
      add(effect, action);
      effects.wake();
      await clock.step(0);
    },
    performed: (what: string) => calls.filter(([call]) => call === what).map(([, value]) => value),
  };
}

const keyOf = (attempt: number) => ({ project: "p", domain: "d", run: "r", action: "a0", attempt });

test("an attempt is ended and freed, and its queue may start another then", async () => {
  const { perform, calls, pending } = subject();
  await perform({ type: "stopAttempt", attempt: 2 });
  await perform({ type: "releaseAttempt", attempt: 3 });
  await perform({ type: "abortChildren" });
  assert.deepEqual(calls, [
    ["stop", keyOf(2)],
    ["freed", "q"],
    ["release", keyOf(3)],
    ["freed", "q"],
  ]);
  assert.equal(pending.size, 0);
});

test("one that fails is tried again after growing pauses, and others are not delayed by it", async () => {
  let failures = 3;
  const { effects, clock, perform, calls, lines, pending } = subject({
    perform: async (_what, attempt) => {
      if (attempt === 1 && failures-- > 0) throw new Error("the engine is away");
    },
  });
  await perform({ type: "stopAttempt", attempt: 1 });
  await perform({ type: "stopAttempt", attempt: 9 });
  assert.deepEqual(calls, [
    ["stop", keyOf(1)],
    ["stop", keyOf(9)],
    ["freed", "q"],
  ]);
  calls.length = 0;
  for (const pauseMs of [500, 1_000, 2_000]) {
    await clock.step(pauseMs - 1);
    assert.deepEqual(calls, []);
    await clock.step(1);
    assert.deepEqual(calls.shift(), ["stop", keyOf(1)]);
  }
  assert.deepEqual(calls, [["freed", "q"]]);
  assert.equal(pending.size, 0);
  assert.deepEqual(
    lines,
    [500, 1_000, 2_000].map((pauseMs, n) => ({
      level: "warn",
      message: "an effect failed and will be tried again",
      effect: "stopAttempt",
      tries: n + 1,
      pauseMs,
      error: "the engine is away",
    })),
  );
  await effects.stop();
  assert.equal(clock.pending, 0);
});

test("the pause starts anew for the next effect", async () => {
  let failures = 0;
  const { perform, clock, lines } = subject({
    perform: async () => {
      if (failures-- > 0) throw new Error("the engine is away");
    },
  });
  for (let effect = 0; effect < 2; effect++) {
    failures = 2;
    await perform({ type: "stopAttempt", attempt: 1 });
    await clock.step(500);
    await clock.step(1_000);
  }
  assert.deepEqual(
    lines.map(({ pauseMs }) => pauseMs),
    [500, 1_000, 500, 1_000],
  );
});

test("one that cannot be postponed in the store waits in memory, or until the stop", async () => {
  let failures = 2;
  const { effects, perform, clock, calls, lines, failNext } = subject({
    perform: async () => {
      if (failures-- > 0) throw new Error("the engine is away");
    },
  });
  failNext.postponeEffect = 2;
  await perform({ type: "stopAttempt", attempt: 1 });
  await clock.step(499);
  assert.equal(calls.length, 1);
  await clock.step(1);
  assert.equal(calls.length, 2);
  assert.deepEqual(lines.at(1), {
    level: "warn",
    message: "an effect could not be postponed in the store, and waits in memory",
    effect: "stopAttempt",
    error: "postponeEffect fails",
  });
  await effects.stop();
  assert.equal(clock.pending, 0);
});

test("an outbox that cannot be read is read again", async () => {
  const { perform, clock, calls, lines, failNext } = subject();
  failNext.pendingEffects = 1;
  await perform({ type: "stopAttempt", attempt: 1 });
  assert.deepEqual(calls, []);
  assert.deepEqual(lines, [
    {
      level: "error",
      message: "the outbox could not be read, and will be tried again",
      error: "pendingEffects fails",
    },
  ]);
  await clock.step(499);
  assert.deepEqual(calls, []);
  await clock.step(1);
  assert.equal(calls.length, 2);
});

test("256 are under way at the same time; those that wait for a lingering process do not count", async () => {
  const waiting = Promise.withResolvers<void>();
  const lingering = new Set([1, 2, 3]);
  const { effects, clock, performed, add, pending } = subject({
    perform: () => waiting.promise,
    isLingering: (attempt) => lingering.has(attempt),
  });
  for (let attempt = 1; attempt <= 300; attempt++) add({ type: "releaseAttempt", attempt });
  effects.wake();
  await clock.step(0);
  assert.equal(performed("release").length, 256);
  effects.wake();
  await clock.step(0);
  assert.equal(performed("release").length, 259, "three linger");
  effects.wake();
  await clock.step(0);
  assert.equal(performed("release").length, 259);
  waiting.resolve();
  for (let turns = 0; turns < 100 && pending.size > 0; turns++) await clock.step(0);
  assert.equal(performed("release").length, 300);
});

test("a full lane is not read, and does not keep the other from being served", async () => {
  const waiting = Promise.withResolvers<void>();
  const { effects, clock, performed, add, pending, reads } = subject({ perform: () => waiting.promise });
  for (let attempt = 1; attempt <= 256; attempt++) add({ type: "stopAttempt", attempt });
  effects.wake();
  await clock.step(0);
  assert.equal(reads.pendingEffects, 1);
  add({ type: "sendWebhook", request: HOOK });
  effects.wake();
  await clock.step(0);
  assert.equal(performed("send").length, 1);
  assert.equal(reads.pendingEffects, 2, "the other lane only");
  waiting.resolve();
  for (let turns = 0; turns < 100 && pending.size > 0; turns++) await clock.step(0);
  assert.equal(pending.size, 0);
});

test("an effect that is done leads to no further read, unless others follow from it", async () => {
  const { perform, reads } = subject();
  await perform({ type: "stopAttempt", attempt: 1 });
  assert.equal(reads.pendingEffects, 1);
});

test("the time of the next effect is read only while one was postponed", async () => {
  let failures = 1;
  const { perform, clock, reads } = subject({
    perform: async () => {
      if (failures-- > 0) throw new Error("the engine is away");
    },
  });
  await perform({ type: "abortChildren" });
  assert.equal(reads.nextEffect, 0);
  await perform({ type: "stopAttempt", attempt: 1 });
  await clock.step(500);
  const before = reads.nextEffect;
  assert.ok(before > 0);
  await perform({ type: "stopAttempt", attempt: 2 });
  assert.equal(reads.nextEffect, before);
});

test("an attempt that is being ended counts, however long its process goes on", async () => {
  const waiting = Promise.withResolvers<void>();
  const { effects, clock, performed, add } = subject({
    perform: () => waiting.promise,
    isLingering: () => true,
  });
  for (let attempt = 1; attempt <= 300; attempt++) add({ type: "stopAttempt", attempt });
  for (let turns = 0; turns < 3; turns++) {
    effects.wake();
    await clock.step(0);
  }
  assert.equal(performed("stop").length, 256);
  waiting.resolve();
});

test("receivers that do not answer delay no other effect, and 32 of them are called at the same time", async () => {
  const answer = Promise.withResolvers<void>();
  const { effects, clock, performed, add, perform, pending } = subject({ send: () => answer.promise });
  for (let receiver = 0; receiver < 40; receiver++) add({ type: "sendWebhook", request: HOOK });
  await perform({ type: "stopAttempt", attempt: 1 });
  assert.equal(performed("send").length, 32);
  assert.equal(performed("stop").length, 1);
  answer.resolve();
  await effects.drain(1_000);
  assert.equal(performed("send").length, 40);
  assert.equal(pending.size, 0);
  assert.equal(clock.pending, 0);
});

test("a webhook is given up when its receiver has not accepted it for a day", async () => {
  const { effects, clock, lines, pending, perform } = subject({
    send: async () => {
      throw new Error("connection refused");
    },
  });
  await perform({ type: "sendWebhook", request: HOOK });
  // Its pauses are a minute at most: the last try before the day is over fails as the ones before.
  await clock.step(DAY_MS - 60_000);
  assert.equal(pending.size, 1);
  await clock.step(120_000);
  assert.equal(pending.size, 0);
  assert.deepEqual(lines.at(-1), {
    level: "error",
    message: "a webhook was not accepted for a day and is given up",
    error: "connection refused",
  });
  assert.equal(lines.filter(({ level }) => level === "error").length, 1);
  await effects.stop();
});

test("a webhook that the server may not send is given up at once", async () => {
  const { lines, pending, perform, performed } = subject({
    send: async () => {
      throw new BoxkiteError("EGRESS_DENIED", "the server does not connect to h");
    },
  });
  await perform({ type: "sendWebhook", request: HOOK });
  assert.deepEqual([performed("send").length, pending.size], [1, 0]);
  assert.equal(lines.at(-1)?.["message"], "a webhook was denied and is given up");
});

function runWith(notifications: readonly Notification[]): Partial<Store> {
  const run = { authority: EVERYONE, settings: { ...NO_SETTINGS, notifications } } as unknown as RunRecord;
  return { getRun: async () => run };
}

test("the end of a run is sent to the receivers of its phase, with the error; that of a child to nobody", async () => {
  const stored = runWith([
    { phases: ["failed", "aborted"], request: HOOK },
    { phases: ["succeeded"], request: { ...HOOK, url: "http://other" } },
  ]);
  const { perform, performed } = subject({ stored });
  const error = { code: "E", message: "no", kind: "user", recoverable: false } as const;
  await perform({ type: "ended" }, actionRecord(1, "a0", { phase: "failed", error }));
  await perform({ type: "ended" }, actionRecord(1, "a0", { phase: "aborted", abortReason: "enough" }));
  await perform({ type: "ended" }, actionRecord(1, "a0", { phase: "succeeded" }));
  await perform({ type: "ended" }, actionRecord(1, "a0", { phase: "timed_out" }));
  await perform({ type: "ended" }, actionRecord(2, "child", { phase: "failed", error }));
  assert.deepEqual(performed("send"), [
    { ...HOOK, url: "http://hook/r", body: "no" },
    { ...HOOK, url: "http://hook/r", body: "enough" },
    { ...HOOK, url: "http://other", body: "" },
  ]);
});

test("the end of a run that is gone is sent to nobody", async () => {
  const { perform, calls, pending } = subject();
  await perform({ type: "ended" }, actionRecord(1, "a0", { phase: "failed" }));
  assert.deepEqual([calls, pending.size], [[], 0]);
});

test("those that wait for the same cached result are queued again when it is there", async () => {
  const waiting = [actionRecord(7, "x"), actionRecord(8, "y")];
  const parkedFor = async (key: string) => (key === "k" ? waiting : []);
  const { perform, performed, calls } = subject({ stored: { parkedFor } });
  const cache = { key: "k" } as unknown as ActionRecord["cache"];
  await perform({ type: "ended" }, actionRecord(2, "child", { phase: "succeeded" }, { cache }));
  assert.deepEqual(performed("apply"), ["x", "y"]);
  assert.deepEqual(calls.at(-1), ["apply", "y", { type: "unparked" }]);
  await perform({ type: "ended" }, actionRecord(2, "child", { phase: "succeeded" }));
  assert.equal(calls.length, 2);
});

test("a parent that gave its capacity back is resumed by the end of its last child only", async () => {
  const parked = { phase: "waiting_for_resources", attempt: 1, suspended: "parked" } as const;
  const parents = new Map([
    ["parked", actionRecord(3, "parked", parked)],
    ["waiting", actionRecord(4, "waiting", { ...parked, suspended: "waiting" })],
    ["running", actionRecord(5, "running", { phase: "running", attempt: 1 })],
  ]);
  const unfinished = new Set<string>(["parked"]);
  const { perform, calls } = subject({
    stored: {
      getAction: async (key) => (key.run === "r" ? parents.get(key.action) : undefined),
      awaitsChildren: async ({ key }) => unfinished.has(key.action),
    },
  });
  const end = async (parent: string) =>
    perform({ type: "ended" }, actionRecord(9, "child", { phase: "succeeded" }, { parent }));
  await end("parked");
  await end("waiting");
  await end("running");
  await end("gone");
  assert.deepEqual(calls, []);
  unfinished.clear();
  await end("parked");
  assert.deepEqual(calls, [["apply", "parked", { type: "unparked" }]]);
  await perform({ type: "resume" }, parents.get("parked"));
  await perform({ type: "resume" }, parents.get("running"));
  assert.equal(calls.length, 2);
});

test("children are aborted in parts until none is left", async () => {
  const live = Array.from({ length: 5 }, (_, n) => actionRecord(n + 2, `c${n}`));
  const { perform, calls } = subject({
    stored: {
      liveChildren: async (action, limit) => {
        assert.deepEqual([action.key.action, limit], ["a0", 200]);
        return live.splice(0, 2);
      },
    },
  });
  await perform({ type: "abortChildren" });
  const event = { type: "abortRequested", reason: "its parent a0 ended" };
  assert.deepEqual(
    calls,
    ["c0", "c1", "c2", "c3", "c4"].map((child) => ["apply", child, event]),
  );
});

test("effects that follow from one are performed without a request, before the outbox is drained", async () => {
  const { effects, performed, add, pending } = subject({
    stored: runWith([{ phases: ["succeeded"], request: HOOK }]),
  });
  add({ type: "ended" }, actionRecord(1, "a0", { phase: "succeeded" }));
  await effects.drain(1_000);
  assert.equal(performed("send").length, 1);
  assert.equal(pending.size, 0);
});

test("draining ends after its time, however long one takes", async () => {
  const waiting = Promise.withResolvers<void>();
  const { effects, clock, add } = subject({ perform: () => waiting.promise });
  add({ type: "stopAttempt", attempt: 1 });
  let isDrained = false;
  const drained = effects.drain(1_000).then(() => (isDrained = true));
  await clock.step(999);
  assert.equal(isDrained, false);
  await clock.step(1);
  assert.equal(isDrained, true);
  await drained;
  waiting.resolve();
});

test("a stop waits for what is under way, and nothing is begun after it", async () => {
  const waiting = Promise.withResolvers<void>();
  const { effects, clock, calls, perform } = subject({ perform: () => waiting.promise });
  await perform({ type: "stopAttempt", attempt: 1 });
  let isStopped = false;
  const stopped = effects.stop().then(() => (isStopped = true));
  await clock.step(0);
  assert.equal(isStopped, false);
  await perform({ type: "stopAttempt", attempt: 2 });
  waiting.resolve();
  await stopped;
  await perform({ type: "stopAttempt", attempt: 3 });
  assert.deepEqual(calls, [
    ["stop", keyOf(1)],
    ["freed", "q"],
  ]);
  assert.equal(clock.pending, 0);
});
