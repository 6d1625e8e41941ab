/** What an action costs the store, whatever else lives: counted in statements. */
import assert from "node:assert/strict";
import { StatementSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { NO_RETRIES } from "../../src/domain/action.ts";
import { ROOT_ACTION } from "../../src/domain/ids.ts";
import { newConditionState, newTaskState } from "../../src/domain/initial-state.ts";
import { EVERYONE, LOCAL } from "../../src/domain/principal.ts";
import { NO_SETTINGS } from "../../src/domain/run.ts";
import type { Store } from "../../src/store/store.ts";
import { steppedClock } from "../helpers/stepped-clock.ts";
import { NO_LOGS, newTask, orchestratorSubject, settle } from "./subject.ts";

test("an action costs as many statements beside ten thousand live ones as beside ten", async (t) => {
  const counts: number[] = [];
  for (const live of [10, 10_000]) {
    await t.test(`${live} live actions`, async (inner) => {
      const count = await statementsOfOneRun(inner, live);
      counts.push(count);
      inner.diagnostic(`${count} statements from createRun to the last effect`);
    });
  }
  const [few = 0, many] = counts;
  assert.ok(few > 0);
  assert.equal(many, few);
});

async function statementsOfOneRun(t: TestContext, live: number): Promise<number> {
  const clock = steppedClock();
  const written: { kind: "nothing" | "outputs" } = { kind: "nothing" };
  const subject = await orchestratorSubject(t, {
    clock,
    written,
    logs: NO_LOGS,
    // Nobody waits for ten thousand attempts to be ended.
    killed: () => true,
    maxParallel: 20_000,
    seed: (store) => seedLive(store, live, clock.now()),
  });
  let statements = 0;
  for (const name of ["get", "all", "run"] as const) {
    const original = StatementSync.prototype[name] as (...values: unknown[]) => unknown;
    t.mock.method(StatementSync.prototype, name, function (this: StatementSync, ...values: unknown[]) {
      statements++;
      return original.apply(this, values);
    });
  }
  const quiet = () => settle(clock, () => statements);
  // An attempt that is taken up is asked once, a while later, for outputs written before: these have none, and go on.
  await clock.step(2_000);
  await quiet();
  written.kind = "outputs";
  assert.equal(subject.executor.started.length, live);
  const oneRun = async (run: string): Promise<number> => {
    const before = statements;
    await subject.createRun(run);
    await quiet();
    subject.executor.end(ROOT_ACTION);
    await quiet();
    const used = statements - before;
    assert.equal(await subject.phase(run), "succeeded");
    assert.equal(await subject.outbox(), 0);
    return used;
  };
  await oneRun("first");
  return oneRun("counted");
}

/** Runs whose root runs; every second one awaits a condition. */
async function seedLive(store: Store, count: number, now: number): Promise<void> {
  const state = {
    ...newTaskState(now),
    phase: "running",
    attempt: 1,
    startedAt: now,
    runningAt: now,
  } as const;
  const condition = {
    kind: "condition",
    group: "",
    displayName: "ok?",
    inputUri: "",
    policy: NO_RETRIES,
    state: newConditionState(now),
    grants: [],
  } as const;
  const names = Array.from({ length: count }, (_, n) => `live${n}`);
  const seeds = names.map((run, n) =>
    store.createRun(
      {
        key: { project: "p", domain: "development", run },
        spec: new Uint8Array(),
        settings: NO_SETTINGS,
        baseUri: `s3://b/${run}`,
        source: "",
        createdAt: now,
        createdBy: LOCAL,
        authority: EVERYONE,
      },
      { ...newTask(ROOT_ACTION, undefined, {}, now), state },
      [{ reference: "image:1", pinned: "image:1", digest: "none", source: "host" }],
      n % 2 === 0 ? [] : [{ ...condition, name: "c", parent: ROOT_ACTION }],
    ),
  );
  await Promise.all(seeds);
}
