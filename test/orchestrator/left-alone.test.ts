/** A server that stops, or has lost the lease, leaves attempts to the next one; and what that one ends is recorded. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AttemptKey } from "../../src/domain/attempt.ts";
import { LOCAL } from "../../src/domain/principal.ts";
import { createAttemptLogs } from "../../src/logs/attempt-logs.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { temporaryDirectory } from "../helpers/server.ts";
import { steppedClock } from "../helpers/stepped-clock.ts";
import { until } from "../helpers/until.ts";
import { orchestratorSubject } from "./subject.ts";

const ROOT = { project: "p", domain: "development", run: "r", action: "a0" };

test("an attempt whose stop is under way when the server stops is not freed: the next one ends it", async (t) => {
  const clock = steppedClock();
  const fake = createFakeExecutor();
  const closed = Promise.withResolvers<void>();
  let stops = 0;
  const executor = {
    ...fake,
    // The first waits for a process that ignores SIGTERM, until the executor watches no more.
    stop: (...[key, graceMs]: Parameters<typeof fake.stop>) =>
      stops++ === 0 ? closed.promise.then(() => undefined) : fake.stop(key, graceMs),
    close: async () => closed.resolve(),
  };
  const subject = await orchestratorSubject(t, { executor, clock });
  await subject.createRun("r");
  await subject.reached("r", "running");
  await subject.orchestrator.abort(ROOT, "enough", LOCAL);
  await until(async () => (await clock.step(0), stops === 1));
  const [attempt] = executor.started;
  assert.ok(attempt);
  let isFree = true;
  const restarted = subject.restart().then(() => (isFree = attempt.released));
  await until(async () => (await clock.step(1_000), stops > 1));
  await restarted;
  assert.equal(isFree, false);
  await until(async () => (await clock.step(1_000), attempt.released && (await subject.outbox()) === 0));
  const action = await subject.action("r");
  assert.ok(action);
  const [record] = await subject.store.listAttempts(action);
  assert.deepEqual([record?.outcome, record?.exitCode], ["aborted", 143]);
});

test("an attempt whose start is under way when the server stops is not started by it any more", async (t) => {
  const clock = steppedClock();
  const fake = createFakeExecutor();
  const asked = Promise.withResolvers<void>();
  const resolved = Promise.withResolvers<void>();
  let waits = true;
  const executor = {
    ...fake,
    environmentFor: async (...values: Parameters<typeof fake.environmentFor>) => {
      if (waits) {
        asked.resolve();
        await resolved.promise;
      }
      return fake.environmentFor(...values);
    },
  };
  const subject = await orchestratorSubject(t, { executor, clock });
  await subject.createRun("r");
  await asked.promise;
  waits = false;
  const stopped = subject.orchestrator.stop({ endAttempts: false });
  await clock.step(10_000);
  resolved.resolve();
  await stopped;
  assert.equal(executor.started.length, 0);
  await subject.restart();
  await subject.reached("r", "running");
  assert.equal(executor.started.length, 1);
});

test("an attempt whose log cannot be opened at first, for want of descriptors, is not lost", async (t) => {
  const clock = steppedClock();
  const logs = createAttemptLogs(await temporaryDirectory(t));
  let failures = 3;
  const short = {
    ...logs,
    open: async (key: AttemptKey) => {
      if (failures-- > 0) throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
      return logs.open(key);
    },
  };
  const subject = await orchestratorSubject(t, { clock, logs });
  await subject.createRun("r");
  await subject.reached("r", "running");
  await subject.restart({ logs: short });
  await until(async () => (await clock.step(1_000), subject.executor.isWatched("a0")));
  assert.deepEqual(
    subject.executor.started.map(({ released }) => released),
    [false],
  );
  subject.executor.end("a0");
  await subject.reached("r", "succeeded");
});
