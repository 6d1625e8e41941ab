/** The orchestrator on a real store, with attempts that do what the test says. */
import { mkdtemp } from "node:fs/promises";
import assert from "node:assert/strict";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { newConditionState } from "../../src/domain/initial-state.ts";
import type { BoxkiteError } from "../../src/domain/errors.ts";
import { ROOT_ACTION } from "../../src/domain/ids.ts";
import { transition } from "../../src/domain/transition.ts";
import { LOCAL } from "../../src/domain/principal.ts";
import type { Store, Work } from "../../src/store/store.ts";
import { createFakeExecutor, type FakeExecutor } from "../helpers/fake-executor.ts";
import { until } from "../helpers/until.ts";
import { makeOrchestrator, orchestratorSubject, wrapWork } from "./subject.ts";
import { systemClock } from "../../src/lib/clock.ts";

/** The orchestrator of a server that was started after another was killed: the dead one is not asked to stop. */
async function secondEngine(store: Store, executor: FakeExecutor) {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-orchestrator-"));
  const orchestrator = makeOrchestrator(store, executor, directory);
  const next = orchestrator.start();
  return { next, stop: () => orchestrator.stop({ endAttempts: false }) };
}

const running = (executor: FakeExecutor) =>
  executor.started
    .filter(({ released, stopped }) => !released && !stopped)
    .map(({ spec }) => `${spec.key.run}/${spec.key.action}`);

test("an attempt is started with its arguments filled in, and its end ends the action", async (t) => {
  const { executor, createRun, reached } = await orchestratorSubject(t);
  await createRun("r1");
  await reached("r1", "running");
  assert.deepEqual(executor.started[0]?.spec.args, ["a0", "s3://b/in"]);
  executor.end(ROOT_ACTION);
  await reached("r1", "succeeded");
  await until(async () => executor.started[0]?.released === true);
});

test("more parents than slots do not lock each other out: one that awaits children leaves its slot", async (t) => {
  const { executor, createRun, addChild, reached } = await orchestratorSubject(t, { maxParallel: 2 });
  for (const run of ["r1", "r2"]) {
    await createRun(run);
    await reached(run, "running");
  }
  await addChild("r1", "c1");
  await addChild("r2", "c2");
  await reached("r1", "running", "c1");
  await reached("r2", "running", "c2");
  assert.equal(running(executor).length, 4);
});

test("the queue is fair between runs: a run that came late need not wait for all of an early one", async (t) => {
  const { executor, createRun, addChild, reached } = await orchestratorSubject(t, { maxParallel: 2 });
  await createRun("early");
  await reached("early", "running");
  for (let n = 0; n < 6; n++) await addChild("early", `c${n}`);
  await reached("early", "running", "c1");
  await createRun("late");
  executor.end("c0");
  await reached("late", "running");
  assert.equal(running(executor).filter((name) => name.startsWith("early/c")).length, 1);
});

test("a lost attempt is tried again and costs no retry of the task", async (t) => {
  const { executor, createRun, reached, store } = await orchestratorSubject(t, {
    written: { kind: "nothing" },
  });
  await createRun("r1");
  await reached("r1", "running");
  executor.end(ROOT_ACTION, { reason: "lost", message: "the engine went away" });
  await until(async () => executor.started.length === 2);
  const action = await store.getAction({
    project: "p",
    domain: "development",
    run: "r1",
    action: ROOT_ACTION,
  });
  assert.deepEqual(
    [action?.state.attempt, action?.state.userFailures, action?.state.systemFailures],
    [2, 0, 1],
  );
});

test("after a restart running attempts are taken up, not started again", async (t) => {
  const { executor, createRun, restart, reached } = await orchestratorSubject(t);
  await createRun("r1");
  await reached("r1", "running");
  await restart();
  await until(async () => executor.isWatched(ROOT_ACTION));
  executor.end(ROOT_ACTION);
  await reached("r1", "succeeded");
  assert.equal(executor.started.length, 1);
});

test("an attempt whose action ended while the server was down is ended at the next start", async (t) => {
  const { executor, createRun, orchestrator, restart, reached, store } = await orchestratorSubject(t);
  await createRun("r1");
  await reached("r1", "running");
  const key = { project: "p", domain: "development", run: "r1", action: ROOT_ACTION };
  await orchestrator.stop({ endAttempts: false });
  // What a second server of the same store would have written.
  const action = await store.getAction(key);
  assert.ok(action);
  const ended = { ...action.state, phase: "aborted" as const, endedAt: Date.now(), abortReason: "elsewhere" };
  await (await store.acquire("elsewhere")).advance({ action, state: ended, effects: [], at: Date.now() });
  await restart();
  await until(async () => executor.started[0]?.released === true);
});

test("an abort reaches children and their children", async (t) => {
  const { executor, createRun, addChild, reached, orchestrator } = await orchestratorSubject(t, {
    maxParallel: 8,
  });
  await createRun("r1");
  await reached("r1", "running");
  await addChild("r1", "c1");
  await reached("r1", "running", "c1");
  await addChild("r1", "g1", "c1");
  await reached("r1", "running", "g1");
  await orchestrator.abort(
    { project: "p", domain: "development", run: "r1", action: ROOT_ACTION },
    "enough",
    LOCAL,
  );
  for (const action of [ROOT_ACTION, "c1", "g1"]) await reached("r1", "aborted", action);
  await until(async () => executor.started.every(({ stopped, released }) => stopped && released));
});

test("the next attempt waits until what the one before held is freed", async (t) => {
  const { executor, createRun, reached } = await orchestratorSubject(t, { written: { kind: "nothing" } });
  // The engine does not answer: perhaps the first attempt still runs.
  executor.failNext("release", 2);
  await createRun("r1", {}, { userRetries: 1 });
  await reached("r1", "running");
  executor.end(ROOT_ACTION, { exitCode: 1 });
  await until(async () => executor.started.length === 2);
  assert.equal(executor.started[0]?.released, true);
});

test("an attempt that a limit or an abort ends has an end, an outcome and its error", async (t) => {
  const { store, createRun, orchestrator, reached, action } = await orchestratorSubject(t);
  await createRun("late", {}, { userRetries: 1, maxRuntimeMs: 30 });
  await until(async () => ((await action("late"))?.state.attempt ?? 0) === 2);
  await createRun("aborted");
  await reached("aborted", "running");
  await orchestrator.abort(
    { project: "p", domain: "development", run: "aborted", action: ROOT_ACTION },
    "enough",
    LOCAL,
  );
  await reached("aborted", "aborted");
  const firstOf = async (run: string) => {
    const record = await action(run);
    assert.ok(record);
    return (await store.listAttempts(record))[0];
  };
  const [late, aborted] = [await firstOf("late"), await firstOf("aborted")];
  assert.deepEqual([late?.outcome, late?.error?.code], ["timed_out", "MAX_RUNTIME_EXCEEDED"]);
  assert.equal(aborted?.outcome, "aborted");
  for (const attempt of [late, aborted])
    assert.ok((attempt?.endedAt ?? 0) >= (attempt?.startedAt ?? Number.POSITIVE_INFINITY));
});

test("of two who answer a condition at once, one is told that the other was first", async (t) => {
  const { orchestrator, store, createRun, reached, action } = await orchestratorSubject(t);
  await createRun("r1");
  await reached("r1", "running");
  const root = await action("r1");
  const run = await store.getRun({ project: "p", domain: "development", run: "r1" });
  assert.ok(root && run);
  await orchestrator.enqueue(
    run,
    {
      name: "c1",
      parent: ROOT_ACTION,
      kind: "condition",
      group: "",
      displayName: "ok?",
      inputUri: "",
      policy: { userRetries: 0 },
      state: newConditionState(Date.now()),
      grants: [],
    },
    LOCAL,
  );
  const answers = [1, 2].map((value) =>
    orchestrator.signal({ ...root.key, action: "c1" }, Buffer.from([value]), LOCAL),
  );
  const results = await Promise.allSettled(answers);
  assert.deepEqual(results.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
  const refused = results.find(({ status }) => status === "rejected") as PromiseRejectedResult;
  assert.match(String(refused.reason), /answered by another caller/u);
});

test("an effect that fails is tried again until it is done", async (t) => {
  const { executor, createRun, reached, outbox } = await orchestratorSubject(t);
  executor.failNext("release", 2);
  await createRun("r1");
  await reached("r1", "running");
  executor.end(ROOT_ACTION);
  await reached("r1", "succeeded");
  await until(async () => (await outbox()) === 0);
  assert.equal(executor.started[0]?.released, true);
});

test("receivers that are not there hold nothing else up, and are given up after a day", async (t) => {
  let aheadMs = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
  const { executor, createRun, reached, outbox } = await orchestratorSubject(t, { clock });
  // Nobody listens at port 1. As many as one pass over the outbox takes, and more.
  const request = { method: "POST", url: "http://127.0.0.1:1/", headers: {}, body: "" };
  const notifications = Array.from({ length: 300 }, () => ({ phases: ["succeeded" as const], request }));
  await createRun("tells", { notifications });
  await reached("tells", "running");
  executor.end(ROOT_ACTION);
  await until(async () => (await outbox()) === 300);
  await createRun("other");
  await reached("other", "running");
  executor.end(ROOT_ACTION);
  await until(async () => executor.started.every(({ released }) => released));
  await until(async () => (await outbox()) === 300);
  aheadMs = 25 * 60 * 60_000;
  await createRun("later");
  await until(async () => (await outbox()) === 0);
});

test("receivers that take everything and never answer keep no attempt from being ended", async (t) => {
  const unanswered: Socket[] = [];
  const receiver = createServer((socket) => void unanswered.push(socket.on("error", () => {})));
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    receiver.close();
    for (const socket of unanswered) socket.destroy();
  });
  const { executor, createRun, reached, orchestrator } = await orchestratorSubject(t);
  const { port } = receiver.address() as AddressInfo;
  const request = { method: "POST", url: `http://127.0.0.1:${port}/`, headers: {}, body: "" };
  const notifications = Array.from({ length: 300 }, () => ({ phases: ["succeeded" as const], request }));
  await createRun("tells", { notifications });
  await reached("tells", "running");
  executor.end(ROOT_ACTION);
  await until(async () => unanswered.length > 0);
  await createRun("other");
  await reached("other", "running");
  await orchestrator.abort(
    { project: "p", domain: "development", run: "other", action: ROOT_ACTION },
    "enough",
    LOCAL,
  );
  await until(async () => executor.started.every(({ released }) => released));
  // Far fewer than all are under way at the same time; only those that ran out of time make way.
  assert.ok(unanswered.length < 256, `${unanswered.length} of 300 webhooks were sent meanwhile`);
});

test("a run with as many actions as a run may have gets no further ones, and the limit is named", async (t) => {
  const { createRun, addChild, reached, orchestrator, store } = await orchestratorSubject(t, {
    maxActionsPerRun: 3,
  });
  await createRun("r1");
  await reached("r1", "running");
  await addChild("r1", "c1");
  await addChild("r1", "c2");
  await assert.rejects(addChild("r1", "c3"), {
    code: "LIMIT_EXCEEDED",
    message: "run r1 has 3 actions, which is the limit of a run",
  });
  // One that is there already is not new: a parent that is tried again finds it.
  const [run, known] = await Promise.all([
    store.getRun({ project: "p", domain: "development", run: "r1" }),
    store.getAction({ project: "p", domain: "development", run: "r1", action: "c1" }),
  ]);
  assert.ok(run && known);
  const again = { ...known, name: "c1", grants: [], spec: await store.getSpec(known.specDigest ?? "") };
  assert.equal(await orchestrator.enqueue(run, again, LOCAL), "exists");
});

test("a change that fails at any point of a run is made later: the run ends, each attempt started once", async (t) => {
  for (let failing = 1; failing <= 3; failing++) {
    await t.test(`the ${failing}. change fails`, async (inner) => {
      let changes = 0;
      const wrap = wrapWork((work) => ({
        ...work,
        advance: (change) =>
          ++changes === failing ? Promise.reject(new Error("disk full")) : work.advance(change),
      }));
      const executor = createFakeExecutor((attempt) =>
        setImmediate(() => attempt.observer.ended({ reason: "exited", exitCode: 0, outOfMemory: false })),
      );
      const { createRun, reached } = await orchestratorSubject(inner, { wrap, executor });
      await createRun("r1");
      await reached("r1", "succeeded");
      assert.equal(executor.started.filter(({ spec }) => spec.key.run === "r1").length, 1);
    });
  }
});

test("killed at any point of a run: the next start goes on, and each attempt is started once", async (t) => {
  for (let failing = 1; failing <= 3; failing++) {
    await t.test(`dies before the ${failing}. change`, async (inner) => {
      let changes = 0;
      let dead = false;
      const wrap = wrapWork((work) => ({
        ...work,
        // A server that was killed writes nothing any more.
        advance: (change) => {
          if (++changes === failing) dead = true;
          return dead ? new Promise(() => {}) : work.advance(change);
        },
      }));
      const { createRun, reached, executor, store } = await orchestratorSubject(inner, {
        wrap,
        killed: () => dead,
      });
      await createRun("r1");
      await until(async () => dead || executor.started.length > 0);
      if (!dead) executor.end(ROOT_ACTION);
      await until(async () => dead);
      executor.forgetObservers();
      const { next, stop } = await secondEngine(store, executor);
      await until(async () => executor.isWatched(ROOT_ACTION));
      await next;
      executor.end(ROOT_ACTION);
      await reached("r1", "succeeded");
      assert.equal(executor.started.length, 1);
      await stop();
    });
  }
});

test("a parked parent goes on in a later attempt when its children have ended, at once where it has none", async (t) => {
  let work: Work | undefined;
  const wrap = wrapWork((acquired) => (work = acquired));
  const { createRun, addChild, reached, action, executor } = await orchestratorSubject(t, { wrap });
  const park = async (run: string) => {
    const record = await action(run);
    assert.ok(record);
    const event = { type: "attemptParked", attempt: 1, reason: "waits for its children" } as const;
    const next = transition(record.state, record.policy, event, Date.now());
    assert.ok(next);
    await work?.advance({ action: record, state: next.state, effects: next.effects, at: Date.now() });
  };
  await createRun("alone");
  await reached("alone", "running");
  await park("alone");
  await until(async () => (await action("alone"))?.state.attempt === 2);
  await createRun("r1");
  await reached("r1", "running");
  await addChild("r1", "c1");
  await reached("r1", "running", "c1");
  await park("r1");
  await until(async () => executor.started.find(({ spec }) => spec.key.run === "r1")?.released === true);
  assert.equal((await action("r1"))?.state.suspended, "parked");
  executor.end("c1");
  await until(async () => (await action("r1"))?.state.attempt === 2);
  const state = (await action("r1"))?.state;
  assert.deepEqual([state?.userFailures, state?.systemFailures], [0, 0]);
});

test("an orchestrator that another took over from stops driving, and ends nothing of what runs", async (t) => {
  const lost: string[] = [];
  const onLeaseLost = ({ code }: BoxkiteError) => void lost.push(code);
  const { executor, createRun, reached, store, orchestrator } = await orchestratorSubject(t, { onLeaseLost });
  await createRun("r1");
  await reached("r1", "running");
  const { next, stop } = await secondEngine(store, executor);
  await next;
  assert.deepEqual(
    executor.started.map(({ stopped, released }) => [stopped, released]),
    [[false, false]],
  );
  // Both hear of it; only the second may admit it.
  await createRun("r2");
  await reached("r2", "running");
  executor.end(ROOT_ACTION);
  await reached("r2", "succeeded");
  const attempts = executor.started.map(({ spec, stopped }) => [spec.key.run, spec.key.attempt, stopped]);
  assert.deepEqual(attempts, [
    ["r1", 1, false],
    ["r2", 1, false],
  ]);
  // Its attempts are the second's: the first ends none when it is stopped.
  await orchestrator.stop({ endAttempts: true });
  assert.deepEqual(lost, ["LEASE_LOST"]);
  assert.equal(executor.started[0]?.stopped, false);
  executor.started[0]?.observer.ended({ reason: "exited", exitCode: 0, outOfMemory: false });
  await reached("r1", "succeeded");
  await stop();
});
