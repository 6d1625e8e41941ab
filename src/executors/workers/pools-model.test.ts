import assert from "node:assert/strict";
import { test } from "node:test";
import { FAKE_SPEC, fakeMaker, fakePlan, type FakeWorker } from "../../../test/helpers/fake-workers.ts";
import { randomOf } from "../../../test/helpers/random.ts";
import { recordingLogger } from "../../../test/helpers/recording-logger.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import type { AttemptKey } from "../../domain/attempt.ts";
import { createWorkerPools } from "./pools.ts";
import type { TakenWorker, WorkerPlan } from "./worker.ts";

const MIB = 1024 * 1024;
const RUNS = ["r1", "r2", "r3"] as const;

function plansOf(run: string): WorkerPlan[] {
  const container = { ...FAKE_SPEC, key: { ...FAKE_SPEC.key, run } };
  const reuse = {
    minReplicas: 1,
    maxReplicas: 2,
    concurrency: 2,
    idleTtlMs: 20_000,
    scaledownTtlMs: 5_000,
    shares: "e",
  };
  return [
    fakePlan(`one-${run}`, { container, run }),
    fakePlan(`fork-${run}`, { container, run, mode: "fork" }),
    fakePlan(`resident-${run}`, {
      container: { ...container, reuse: { ...reuse, scope: "run" } },
      run,
      mode: "resident",
      concurrency: 2,
    }),
    fakePlan("next", { container: { ...FAKE_SPEC, key: { ...FAKE_SPEC.key, run: "" } }, run: undefined }),
    fakePlan("shared", {
      container: { ...FAKE_SPEC, reuse: { ...reuse, minReplicas: 0, maxReplicas: 1, scope: "global" } },
      run: undefined,
      mode: "resident",
      concurrency: 2,
    }),
  ];
}

interface Attempt {
  readonly key: AttemptKey;
  readonly plan: WorkerPlan;
  readonly parent: Attempt | undefined;
  readonly stop: AbortController;
  taken: TakenWorker | undefined;
  state: "waiting" | "running" | "over";
}

/** Attempts of three runs come, call others, wait for them, end and are stopped; workers break; engines fail. */
for (let seed = 1; seed <= 30; seed++) {
  test(`whatever happens, workers keep within the budget and their run, nothing waits for ever, none is left (seed ${seed})`, async () => {
    const random = randomOf(seed);
    const clock = steppedClock();
    const maker = fakeMaker(clock);
    const { log } = recordingLogger();
    const limits = {
      idleMemoryBytes: 6 * 64 * MIB,
      idleWorkers: 5,
      capacity: { cpu: 3, memoryBytes: 4_096 * MIB },
      lowMemoryBytes: 400 * MIB,
    };
    let available = 4_000 * MIB;
    const pools = createWorkerPools({ maker, limits, availableMemory: () => available, clock, log });
    const attempts: Attempt[] = [];
    const runsOf = new Map<string, Set<string>>();
    const ownOf = new Map<string, number>();

    const madeInTheWay: string[] = [];
    const make = maker.make.bind(maker);
    maker.make = async (plan) => {
      const isAwaited = attempts.some((one) => one.plan.pool === plan.pool && one.state === "waiting");
      const computing = attempts.filter((one) => one.state !== "over" && !isBusy(one)).length;
      const isAhead = plan.mode === "one_shot" && !isAwaited;
      if (isAhead && computing >= limits.capacity.cpu) madeInTheWay.push(plan.pool);
      return await make(plan);
    };
    const begin = (plan: WorkerPlan, run: string, parent?: Attempt) => {
      const key = { ...FAKE_SPEC.key, run, action: `a${attempts.length}` };
      const attempt: Attempt = {
        key,
        plan,
        parent,
        stop: new AbortController(),
        taken: undefined,
        state: "waiting",
      };
      attempts.push(attempt);
      pools.begin({ key, requests: {}, ...(parent && { parent: parent.key.action }) });
      const { signal } = attempt.stop;
      pools.take(plan, { key, signal, waiting: () => {} }).then(
        (taken) => {
          attempt.taken = taken;
          attempt.state = "running";
          if (taken === undefined) return;
          const { name } = taken.worker;
          runsOf.set(name, (runsOf.get(name) ?? new Set()).add(run));
          if (plan.mode === "one_shot") ownOf.set(name, (ownOf.get(name) ?? 0) + 1);
        },
        () => over(attempt),
      );
    };
    const over = (attempt: Attempt) => {
      attempt.state = "over";
      pools.end(attempt.key);
      pools.release(attempt.key);
      if (attempt.plan.mode === "one_shot") void attempt.taken?.worker.remove();
    };
    const isBusy = (attempt: Attempt) =>
      attempts.some((one) => one.parent === attempt && one.state !== "over");
    const check = () => {
      for (const plan of new Set(attempts.map((one) => one.plan.pool))) {
        const running = attempts.filter((one) => one.plan.pool === plan && one.state === "running");
        const perWorker = new Map<string, number>();
        for (const { taken } of running)
          if (taken) perWorker.set(taken.worker.name, (perWorker.get(taken.worker.name) ?? 0) + 1);
        for (const count of perWorker.values()) assert.ok(count <= (running[0]?.plan.concurrency ?? 1));
      }
      for (const worker of maker.workers)
        if (worker.plan.run !== undefined) assert.ok((runsOf.get(worker.name)?.size ?? 0) <= 1);
      for (const uses of ownOf.values()) assert.equal(uses, 1);
      assert.deepEqual(madeInTheWay, [], "made while attempts compute on all processors");
      // What a policy keeps may go beyond it.
      const idle = pools.states().filter(({ mode }) => mode !== "resident");
      assert.ok(idle.reduce((sum, state) => sum + state.idle, 0) <= limits.idleWorkers);
    };

    for (let step = 0; step < 300; step++) {
      const run = random.pick(RUNS);
      const running = attempts.filter((one) => one.state === "running");
      switch (random.below(9)) {
        case 0:
        case 1:
          begin(random.pick(plansOf(run)), run);
          break;
        case 2:
        case 3: {
          if (running.length === 0) break;
          const parent = random.pick(running);
          const plan = plansOf(parent.key.run).find(({ pool }) => pool === parent.plan.pool);
          begin(
            random.chance(0.5) && plan ? plan : random.pick(plansOf(parent.key.run)),
            parent.key.run,
            parent,
          );
          break;
        }
        case 4:
        case 5:
          for (const attempt of running) if (!isBusy(attempt) && random.chance(0.5)) over(attempt);
          break;
        case 6: {
          const waiting = attempts.filter((one) => one.state === "waiting");
          if (waiting.length > 0 && random.chance(0.3)) random.pick(waiting).stop.abort(new Error("stopped"));
          break;
        }
        case 7: {
          const alive: readonly FakeWorker[] = maker.alive;
          if (alive.length === 0) break;
          if (random.chance(0.3)) random.pick(alive).end();
          else random.pick(alive).report({ event: "spoiled", reason: "it has changed" });
          break;
        }
        default:
          maker.failure = random.chance(0.2) ? new Error("no space left") : undefined;
          available = random.chance(0.1) ? 100 * MIB : 4_000 * MIB;
          if (random.chance(0.2)) pools.runEnded({ project: "p", domain: "d", run });
      }
      await clock.step(random.pick([0, 10, 60, 1_500, 7_000]));
      // Decisions follow an event within 50 ms.
      if (random.chance(0.5)) {
        await clock.step(60);
        check();
      }
    }
    // All end in the end: parents after their children, and whoever waits gets a worker or starts cold.
    maker.failure = undefined;
    for (let rounds = 0; attempts.some((one) => one.state !== "over"); rounds++) {
      assert.ok(rounds < 2 * attempts.length, "an attempt waits for ever");
      for (const attempt of attempts) if (attempt.state === "running" && !isBusy(attempt)) over(attempt);
      await clock.step(2_000);
      check();
    }
    await clock.step(60_000);
    await pools.close();
    assert.deepEqual(
      maker.alive.map(({ name }) => name),
      [],
    );
    assert.equal(clock.pending, 0);
  });
}
