import assert from "node:assert/strict";
import { test } from "node:test";
import { FAKE_SPEC, fakeMaker, fakePlan } from "../../../test/helpers/fake-workers.ts";
import { recordingLogger } from "../../../test/helpers/recording-logger.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import type { AttemptKey } from "../../domain/attempt.ts";
import type { ReusePolicy } from "../../domain/reuse-policy.ts";
import type { ResourceAmounts } from "../../domain/task.ts";
import { createWorkerPools } from "./pools.ts";
import { poolLimits, type PoolLimits } from "./pool-rules.ts";
import type { TakenWorker, WorkerPlan } from "./worker.ts";

const MIB = 1024 * 1024;
const NEVER = new AbortController().signal;

function setUp(limits: Partial<PoolLimits> = {}, isReady = true) {
  const clock = steppedClock();
  const maker = fakeMaker(clock, { isReady });
  const { log, lines } = recordingLogger();
  let available: number | undefined;
  let measured: number | undefined;
  const capacity = { cpu: 4, memoryBytes: 8_192 * MIB, gpu: 1 };
  const pools = createWorkerPools({
    maker,
    limits: { ...poolLimits(capacity, { memoryBytes: 2_048 * MIB, workers: 32 }), ...limits },
    availableMemory: () => available,
    memoryOf: async () => measured,
    clock,
    log,
  });
  let count = 0;
  const begin = (requests: ResourceAmounts = {}, parent = ROOT, run = "r"): AttemptKey => {
    const key = { ...FAKE_SPEC.key, run, action: `a${count++}` };
    pools.begin({ key, requests, parent });
    return key;
  };
  const finish = (key: AttemptKey) => {
    pools.end(key);
    pools.release(key);
  };
  const waits: string[] = [];
  const take = (plan: WorkerPlan, key = begin(), signal = NEVER) =>
    pools.take(plan, { key, signal, waiting: (reason) => waits.push(reason) });
  return {
    clock,
    lines,
    maker,
    pools,
    begin,
    finish,
    take,
    waits,
    setAvailable: (bytes: number) => {
      available = bytes;
    },
    setMeasured: (bytes: number) => {
      measured = bytes;
    },
    state: (pool: string) => pools.states().find((state) => state.pool === pool),
  };
}

/** The action that calls the others. */
const ROOT = "a-root";

const policy = (changes: Partial<ReusePolicy> = {}) => ({
  minReplicas: 1,
  maxReplicas: 2,
  concurrency: 1,
  idleTtlMs: 60_000,
  scaledownTtlMs: 10_000,
  scope: "global" as const,
  shares: "env@1",
  ...changes,
});

function residentPlan(
  pool: string,
  changes: Partial<ReusePolicy> = {},
  requests: ResourceAmounts = {},
): WorkerPlan {
  const reuse = policy(changes);
  return fakePlan(pool, {
    mode: "resident",
    run: undefined,
    concurrency: reuse.concurrency,
    container: { ...FAKE_SPEC, reuse, requests },
  });
}

/** Whether it is settled without time. */
async function isPending(work: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  return (await Promise.race([work, Promise.resolve(pending)])) === pending;
}

test("one-shot: a plan that is used once costs one worker, which ends with its run or after a minute", async () => {
  for (const isRunEnded of [true, false]) {
    const { clock, maker, take, begin, pools, finish } = setUp();
    await clock.step(60_000);
    assert.equal(maker.workers.length, 0, "none before the first attempt");
    const key = begin();
    assert.equal(await take(fakePlan("p"), key), undefined);
    await clock.step(1_000);
    assert.equal(maker.alive.length, 1);
    finish(key);
    if (isRunEnded) {
      pools.runEnded({ project: "p", domain: "d", run: "another" });
      await clock.step(1_000);
      assert.equal(maker.alive.length, 1);
      pools.runEnded(FAKE_SPEC.key);
      await clock.step(1_000);
    } else await clock.step(65_000);
    assert.equal(maker.alive.length, 0);
    assert.equal(maker.workers.length, 1);
    assert.equal(clock.pending, 0, "no timer is left");
    assert.deepEqual(pools.states(), []);
  }
});

const NEXT_RUN = { run: undefined, container: { ...FAKE_SPEC, key: { ...FAKE_SPEC.key, run: "" } } };

test("one-shot: when a run has ended, one worker is ready for the root of the next one, for ten minutes", async () => {
  const { clock, maker, take, pools, finish, state } = setUp();
  const plan = fakePlan("p", NEXT_RUN);
  const begin = (run: string) => {
    const key = { ...FAKE_SPEC.key, run, action: ROOT };
    pools.begin({ key, requests: {} });
    return key;
  };
  const [first, second] = [begin("r1"), begin("r2")];
  for (const key of [first, second]) assert.equal(await take(plan, key), undefined);
  await clock.step(1_000);
  assert.equal(maker.workers.length, 0, "none while they run");
  for (const key of [first, second]) finish(key);
  pools.runEnded(FAKE_SPEC.key);
  await clock.step(1_000);
  assert.equal(maker.alive.length, 1, "one, of however many runs");
  const third = begin("r3");
  assert.equal((await take(plan, third))?.worker, maker.workers[0]);
  await clock.step(1_000);
  assert.equal(maker.workers.length, 1, "its run has the machine to itself");
  finish(third);
  await clock.step(1_000);
  assert.equal(state("p")?.idle, 1);
  await clock.step(590_000);
  assert.equal(state("p")?.idle, 1);
  await clock.step(15_000);
  assert.equal(state("p"), undefined);
  assert.equal(maker.workers[1]?.isRemoved, true);
  assert.equal(clock.pending, 0, "no timer is left");
});

test("one-shot: none is made for a next run while attempts have all processors, and workers for others come first", async () => {
  const { clock, maker, take, pools, begin, finish } = setUp({ capacity: { cpu: 2 } });
  const root = { ...FAKE_SPEC.key, action: ROOT };
  const plan = fakePlan("next", NEXT_RUN);
  pools.begin({ key: root, requests: {} });
  await take(plan, root);
  const busy = [begin(), begin()];
  finish(root);
  await clock.step(1_000);
  assert.equal(maker.workers.length, 0);
  pools.expect([fakePlan("child")]);
  for (const key of busy) finish(key);
  await clock.step(1_000);
  assert.deepEqual(
    maker.workers.map((worker) => worker.plan.pool),
    ["child", "next"],
  );
});

test("one-shot: on one processor a worker for the next run is made from the second run of its kind on", async () => {
  const { clock, maker, take, pools, finish } = setUp({ capacity: { cpu: 1 } });
  const plan = fakePlan("p", NEXT_RUN);
  for (const [run, made] of [
    ["r1", 0],
    ["r2", 1],
  ] as const) {
    const key = { ...FAKE_SPEC.key, run, action: ROOT };
    pools.begin({ key, requests: {} });
    await take(plan, key);
    await clock.step(1_000);
    finish(key);
    await clock.step(1_000);
    assert.equal(maker.workers.length, made);
  }
});

test("one-shot: on one processor that is so as well where a run takes longer than a worker is kept", async () => {
  const { clock, maker, take, pools, finish } = setUp({ capacity: { cpu: 1 } });
  for (const [run, made] of [
    ["r1", 0],
    ["r2", 1],
  ] as const) {
    const key = { ...FAKE_SPEC.key, run, action: ROOT };
    pools.begin({ key, requests: {} });
    await take(fakePlan("p", NEXT_RUN), key);
    await clock.step(660_000);
    assert.equal(clock.pending, 0, "nothing is looked after meanwhile");
    finish(key);
    await clock.step(1_000);
    assert.equal(maker.workers.length, made);
  }
});

test("one-shot: each worker takes one attempt, is replaced at once, and is the attempt's own from then on", async () => {
  const { clock, maker, take, begin, pools, finish, state } = setUp();
  const plan = fakePlan("p");
  await take(plan);
  await clock.step(100);
  const keys = [begin(), begin()];
  const first = await take(plan, keys[0]);
  assert.equal(first?.worker, maker.workers[0]);
  assert.equal(first?.earlierAttempts, 0);
  await clock.step(100);
  const second = await take(plan, keys[1]);
  assert.equal(second?.worker, maker.workers[1]);
  assert.deepEqual([state("p")?.hits, state("p")?.misses, state("p")?.busy, state("p")?.idle], [2, 1, 2, 0]);
  for (const key of keys) finish(key);
  await pools.close();
  assert.deepEqual(
    maker.alive.map(({ name }) => name),
    ["worker-1", "worker-2"],
    "what attempts have taken, they end themselves",
  );
});

test("one-shot: more are kept for a fan-out, up to the number of processors, and fewer again without use", async () => {
  const { clock, maker, take, begin, finish } = setUp();
  const plan = fakePlan("p");
  const keys = Array.from({ length: 20 }, () => begin());
  await Promise.all(keys.map((key) => take(plan, key)));
  for (const key of keys) finish(key);
  await clock.step(5_000);
  assert.equal(maker.alive.length, 4);
  await clock.step(120_000);
  assert.equal(maker.alive.length, 0);
});

test("an attempt takes a worker that is being made, and starts cold where that fails", async () => {
  const { clock, maker, take, state } = setUp({}, false);
  const plan = fakePlan("p");
  await take(plan);
  await clock.step(100);
  const waiting = take(plan);
  assert.ok(await isPending(waiting));
  assert.equal(await take(plan), undefined, "there is no second one to wait for");
  maker.workers[0]?.getReady();
  assert.equal((await waiting)?.worker, maker.workers[0]);

  await clock.step(100);
  const failing = take(plan);
  maker.failure = new Error("no space left");
  for (const worker of maker.workers.slice(1)) worker.end({ message: "it cannot import flyte" });
  assert.equal(await failing, undefined);
  assert.match(state("p")?.problem ?? "", /cannot import flyte|no space left/u);
});

test("creations that fail are tried again after longer and longer pauses, and the problem is shown until one succeeds", async () => {
  const { clock, maker, take, state } = setUp();
  let tries = 0;
  const make = maker.make;
  maker.make = async (plan) => {
    tries++;
    return await make(plan);
  };
  maker.failure = new Error("no space left");
  const plan = fakePlan("p", { run: undefined });
  await take(plan);
  await clock.step(20_000);
  assert.equal(tries, 5, "after 0, 1, 3, 7 and 15 s");
  assert.equal(state("p")?.problem, "no space left");
  maker.failure = undefined;
  await clock.step(20_000);
  assert.equal(state("p")?.problem, undefined);
  assert.equal(maker.alive.length, 1);
});

test("a worker that does not get ready counts as failed, and ends", async () => {
  const { clock, maker, take, state } = setUp({}, false);
  await take(fakePlan("p", { run: undefined }));
  await clock.step(61_000);
  assert.match(state("p")?.problem ?? "", /not ready after 60 s/u);
  assert.equal(maker.workers[0]?.isRemoved, true);
});

test("one whose container is there only after that ends then", async () => {
  const { clock, maker, take, state } = setUp();
  const make = maker.make.bind(maker);
  const { promise, resolve } = Promise.withResolvers<void>();
  maker.make = async (plan) => {
    await promise;
    return await make(plan);
  };
  await take(fakePlan("p", { run: undefined }));
  await clock.step(61_000);
  assert.match(state("p")?.problem ?? "", /not ready after 60 s/u);
  resolve();
  await clock.step(10);
  assert.equal(maker.workers[0]?.isRemoved, true);
});

for (const end of ["runEnded", "close"] as const)
  test(`${end}: a worker that is not ready yet ends at once`, async () => {
    const { clock, maker, take, pools, state } = setUp({}, false);
    await take(fakePlan("p"));
    await clock.step(100);
    assert.equal(maker.alive.length, 1);
    await (end === "close" ? pools.close() : pools.runEnded(FAKE_SPEC.key));
    await clock.step(100);
    assert.equal(maker.alive.length, 0);
    assert.equal(state("p")?.problem, undefined);
  });

test("idle workers count with the memory that they have, as of at most 15 s ago", async () => {
  const { clock, maker, take, state, setMeasured } = setUp({ idleMemoryBytes: 1_000 * MIB });
  await take(fakePlan("a", { run: undefined }));
  await clock.step(100);
  await take(fakePlan("b", { run: undefined }));
  await clock.step(100);
  assert.equal(state("a")?.memoryBytes, 64 * MIB);
  setMeasured(600 * MIB);
  await clock.step(14_000);
  assert.equal(maker.alive.length, 2);
  await clock.step(3_000);
  assert.deepEqual([state("a")?.memoryBytes, state("b")?.memoryBytes], [0, 600 * MIB]);
  assert.deepEqual(
    maker.workers.map(({ isRemoved }) => isRemoved),
    [true, false],
    "the budget ends the one that was used first",
  );
});

test("without a policy an attempt waits 3 s for a worker that is being made, then starts cold", async () => {
  const { clock, take, state } = setUp({}, false);
  await take(fakePlan("p", { run: undefined }));
  await clock.step(100);
  let result: TakenWorker | undefined | "waits" = "waits";
  void take(fakePlan("p", { run: undefined })).then((taken) => (result = taken));
  await clock.step(2_900);
  assert.equal(result, "waits");
  await clock.step(200);
  assert.equal(result, undefined);
  assert.deepEqual([state("p")?.hits, state("p")?.misses], [0, 2]);
});

test("an attempt that waits and gets a worker is a hit, and no miss; one that is taken up is neither", async () => {
  const { clock, maker, take, state, pools, begin } = setUp({}, false);
  const plan = fakePlan("p", { mode: "resident", container: { ...FAKE_SPEC, reuse: policy() } });
  const waiting = take(plan);
  await clock.step(100);
  maker.workers[0]?.getReady();
  const taken = await waiting;
  assert.deepEqual([state("p")?.hits, state("p")?.misses], [1, 0]);
  assert.ok(taken);
  pools.adopt(plan, taken.worker, begin());
  assert.deepEqual([state("p")?.hits, state("p")?.misses], [1, 0]);
});

test("a pool that is not used any more is not shown when its time is over", async () => {
  const { clock, take, pools, finish, begin } = setUp();
  const key = begin();
  await take(fakePlan("p"), key);
  await clock.step(100);
  const second = begin();
  await take(fakePlan("p"), second);
  finish(key);
  finish(second);
  await clock.step(130_000);
  assert.deepEqual(pools.states(), []);
});

test("one processor: a worker is made ahead from the second child on, and while no attempt computes", async () => {
  const { clock, maker, take, begin, finish } = setUp({ capacity: { cpu: 1 } });
  const plan = fakePlan("p");
  const first = begin();
  await take(plan, first);
  finish(first);
  await clock.step(2_000);
  assert.equal(maker.alive.length, 0, "it may be the only one");
  const second = begin();
  await take(plan, second);
  await clock.step(2_000);
  assert.equal(maker.alive.length, 0, "the processor is taken");
  finish(second);
  await clock.step(100);
  assert.equal(maker.alive.length, 1);
});

test("what could not be made is not tried anew by each run, and warned of once", async () => {
  const { clock, maker, take, begin, lines, state } = setUp();
  let tries = 0;
  maker.make = async () => {
    tries++;
    throw new Error("the image has no such program");
  };
  for (const run of ["r1", "r2", "r3"]) {
    await take(fakePlan(`pool-${run}`, { run }), begin({}, ROOT, run));
    await clock.step(200);
  }
  assert.equal(tries, 1);
  assert.equal(state("pool-r3")?.problem, "the image has no such program");
  assert.equal(lines.filter(({ level }) => level === "warn").length, 1);
});

test("nothing is expected of a run that has ended", async () => {
  const { clock, maker, pools } = setUp();
  pools.runEnded(FAKE_SPEC.key);
  pools.expect([fakePlan("p"), fakePlan("shared", { run: undefined })]);
  await clock.step(1_000);
  assert.deepEqual(
    pools.states().map(({ pool }) => pool),
    ["shared"],
  );
  assert.equal(maker.alive.length, 1);
});

test("a worker of another mode is none", async () => {
  const { clock, maker, take, state } = setUp();
  const make = maker.make.bind(maker);
  maker.make = async (plan) => await make({ ...plan, mode: "fork" });
  await take(fakePlan("p", { run: undefined }));
  await clock.step(100);
  assert.match(state("p")?.problem ?? "", /a worker of mode fork, not one_shot/u);
  assert.equal(maker.alive.length, 0);
});

test("fork: one attempt at a time each, as many workers as attempts run at once, up to the number of processors", async () => {
  const { clock, maker, take, begin, finish } = setUp();
  const plan = fakePlan("p", { mode: "fork" });
  const first = begin();
  await take(plan, first);
  await clock.step(100);
  const used = new Set<string | undefined>();
  for (let n = 0; n < 10; n++) {
    const key = begin();
    const taken = await take(plan, key);
    assert.equal(taken?.earlierAttempts, n);
    used.add(taken?.worker.name);
    finish(key);
    await clock.step(100);
  }
  assert.equal(used.size, 1, "one after the other in one worker");
  const at = await Promise.all(Array.from({ length: 10 }, () => take(plan)));
  assert.equal(at.filter(Boolean).length, 1);
  await clock.step(3_000);
  assert.equal(maker.alive.length, 4);
  const more = await Promise.all(Array.from({ length: 10 }, () => take(plan)));
  assert.equal(new Set(more.flatMap((taken) => taken?.worker.name ?? [])).size, 3);
});

test("a worker that says it is spoiled takes nothing more, and ends once its files are not needed", async () => {
  const { clock, maker, take, begin, pools } = setUp();
  const plan = fakePlan("p", { mode: "fork" });
  await take(plan);
  await clock.step(100);
  const key = begin();
  await take(plan, key);
  maker.workers[0]?.report({ event: "spoiled", reason: "a thread was left" });
  await clock.step(1_000);
  assert.equal(maker.workers[0]?.isRemoved, false, "its attempt goes on");
  assert.equal(maker.alive.length, 2, "it is replaced");
  pools.end(key);
  await clock.step(1_000);
  assert.equal(maker.workers[0]?.isRemoved, false, "its files are needed");
  pools.release(key);
  await clock.step(1_000);
  assert.equal(maker.workers[0]?.isRemoved, true);
});

test("a worker ends after a thousand attempts", async () => {
  const { clock, maker, take, begin, finish } = setUp();
  const plan = fakePlan("p", { mode: "fork" });
  await take(plan);
  await clock.step(100);
  for (let n = 0; n < 1_000; n++) {
    const key = begin();
    assert.equal((await take(plan, key))?.worker.name, "worker-1");
    finish(key);
  }
  await clock.step(1_000);
  assert.deepEqual(
    maker.alive.map(({ name }) => name),
    ["worker-2"],
  );
});

test("resident: what is above the maximum waits, and is told the numbers", async () => {
  const { clock, take, begin, finish, waits, state } = setUp();
  const plan = residentPlan("p", { concurrency: 2 });
  const keys = Array.from({ length: 5 }, () => begin());
  const taken = keys.map((key) => take(plan, key));
  await clock.step(1_000);
  const started = await Promise.all(taken.slice(0, 4));
  assert.equal(new Set(started.map((one) => one?.worker.name)).size, 2);
  assert.ok(await isPending(taken[4] as Promise<unknown>));
  const last = begin();
  const sixth = take(plan, last);
  assert.match(waits.at(-1) ?? "", /4 attempts run .*2 workers × 2 at a time.*, 2 wait/u);
  finish(keys[0] as AttemptKey);
  assert.equal((await taken[4])?.worker, started[0]?.worker);
  assert.ok(await isPending(sixth));
  finish(keys[1] as AttemptKey);
  assert.ok(await sixth);
  assert.equal(state("p")?.busy, 2);
});

test("resident: the minimum is kept while the environment is in use, the rest ends earlier, all end without use", async () => {
  const { clock, maker, take, begin, finish } = setUp();
  const plan = residentPlan("p", { minReplicas: 1, maxReplicas: 3 });
  const keys = [begin(), begin(), begin()];
  const taken = keys.map((key) => take(plan, key));
  await clock.step(1_000);
  await Promise.all(taken);
  assert.equal(maker.alive.length, 3);
  for (const key of keys) finish(key);
  await clock.step(9_000);
  assert.equal(maker.alive.length, 3);
  await clock.step(2_000);
  assert.equal(maker.alive.length, 1);
  await clock.step(50_000);
  assert.equal(maker.alive.length, 0);
  assert.equal(clock.pending, 0);
});

test("resident: a fixed number of replicas is made at the first use", async () => {
  const { clock, maker, take } = setUp();
  const taken = take(residentPlan("p", { minReplicas: 3, maxReplicas: 3 }));
  await clock.step(2_000);
  assert.ok(await taken);
  assert.equal(maker.alive.length, 3);
});

for (const chain of ["directly", "through an attempt that runs elsewhere"] as const) {
  test(`resident: parents in all slots that wait for children of the same pool do not wait for ever: ${chain}`, async () => {
    const { clock, maker, take, begin, finish } = setUp();
    const plan = residentPlan("p", { minReplicas: 1, maxReplicas: 1 });
    const depth = 6;
    const keys: AttemptKey[] = [];
    for (let level = 0; level < depth; level++) {
      const between =
        chain === "directly" ? keys.at(-1) : keys.length === 0 ? undefined : begin({}, keys.at(-1)?.action);
      const key = begin({}, between?.action);
      keys.push(key);
      const taken = take(plan, key);
      await clock.step(200);
      assert.ok(await taken, `level ${level}`);
    }
    const stranger = take(plan, begin());
    await clock.step(5_000);
    assert.ok(await isPending(stranger), "the maximum holds for others");
    for (const key of keys.toReversed()) finish(key);
    await clock.step(200);
    assert.ok(await stranger);
    await clock.step(1_000);
    assert.equal(maker.alive.length, 1, "what was above the maximum has ended");
  });
}

test("resident: where no worker can be made, attempts start cold; where one runs, they wait for it", async () => {
  const { clock, maker, take, begin, finish } = setUp();
  const plan = residentPlan("p", { maxReplicas: 2 });
  maker.failure = new Error("no space left");
  const cold = take(plan);
  await clock.step(100);
  assert.equal(await cold, undefined);
  assert.equal(await take(plan), undefined, "while creations pause, too");
  maker.failure = undefined;
  await clock.step(5_000);
  const key = begin();
  const warm = take(plan, key);
  await clock.step(100);
  assert.ok(await warm);
  maker.failure = new Error("no space left");
  for (const worker of maker.alive.slice(1)) worker.end();
  const child = take(plan, begin({}, key.action));
  await clock.step(100);
  const waiting = take(plan);
  await clock.step(3_000);
  assert.equal(await child, undefined, "its parent waits for the child");
  assert.ok(await isPending(waiting));
  finish(key);
});

test("idle workers keep within the budget: those of the pool that was used least recently end", async () => {
  const { clock, maker, take, state } = setUp({ idleMemoryBytes: 130 * MIB, idleWorkers: 10 });
  for (const pool of ["a", "b", "c"]) {
    await take(fakePlan(pool));
    await clock.step(6_000);
  }
  assert.equal(maker.alive.length, 2);
  assert.equal(state("a")?.idle ?? 0, 0);
  assert.equal(state("c")?.idle, 1);
});

test("idle workers keep within their number", async () => {
  const { clock, maker, pools } = setUp({ idleWorkers: 2 });
  const plan = fakePlan("a", { run: undefined });
  pools.expect([plan, plan, plan, plan]);
  await clock.step(5_000);
  assert.equal(maker.alive.length, 2);
});

test("where the machine is short of memory, idle workers end and none are made ahead", async () => {
  const { clock, maker, take, setAvailable } = setUp();
  await take(fakePlan("a"));
  await clock.step(100);
  assert.equal(maker.alive.length, 1);
  setAvailable(100 * MIB);
  await clock.step(2_000);
  assert.equal(maker.alive.length, 0);
  await take(fakePlan("a"));
  await clock.step(2_000);
  assert.equal(maker.alive.length, 0);
  setAvailable(4_000 * MIB);
  await take(fakePlan("a"));
  await clock.step(2_000);
  assert.ok(maker.alive.length > 0);
});

test("an idle worker gives its GPU to an attempt within two seconds, and is made again when it is free", async () => {
  const { clock, maker, take, begin, finish, pools } = setUp();
  const plan = residentPlan("p", { idleTtlMs: 3_600_000 }, { gpu: 1 });
  const key = begin({ gpu: 1 });
  const taken = take(plan, key);
  await clock.step(100);
  assert.ok(await taken);
  finish(key);
  await clock.step(1_000);
  assert.equal(maker.alive.length, 1);
  const other = begin({ gpu: 1 });
  const giving = pools.giveWay();
  await clock.step(0);
  await giving;
  assert.equal(maker.alive.length, 0);
  await clock.step(10_000);
  assert.equal(maker.alive.length, 0, "the attempt still has it");
  finish(other);
  await clock.step(2_000);
  assert.equal(maker.alive.length, 1);
});

test("an attempt that has started does not wait longer than two seconds for a worker that does not end", async () => {
  const { clock, maker, take, begin, finish, pools } = setUp();
  const key = begin({ gpu: 1 });
  const taken = take(residentPlan("p", {}, { gpu: 1 }), key);
  await clock.step(100);
  await taken;
  finish(key);
  Object.assign(maker.workers[0] ?? {}, { remove: () => new Promise(() => {}) });
  begin({ gpu: 1 });
  const giving = pools.giveWay();
  await clock.step(1_900);
  assert.ok(await isPending(giving));
  await clock.step(200);
  await giving;
});

test("idle workers give their memory to attempts that request it", async () => {
  const { clock, maker, take, begin, pools } = setUp();
  await take(fakePlan("a"));
  await clock.step(100);
  begin({ memoryBytes: 8_000 * MIB });
  await pools.giveWay();
  assert.equal(maker.alive.length, 1, "there is enough for both");
  begin({ memoryBytes: 190 * MIB });
  await pools.giveWay();
  assert.equal(maker.alive.length, 0);
});

test("workers are made ahead for attempts that are expected", async () => {
  const { clock, maker, pools, take } = setUp();
  const plan = fakePlan("child");
  pools.expect([plan, plan]);
  await clock.step(1_000);
  assert.equal(maker.alive.length, 2);
  assert.ok(await take(plan));
  await clock.step(200_000);
  assert.equal(
    maker.alive.filter(({ orders }) => orders.length === 0).length,
    1,
    "what was taken is the attempt's",
  );
});

test("one-shot: none is made ahead while attempts compute on all processors, one more as soon as one is idle", async () => {
  const { clock, maker, pools, begin, finish, take } = setUp();
  const plan = fakePlan("p");
  pools.expect([plan]);
  const parent = begin();
  const computing = [begin({}, parent.action), begin({ cpu: 2 }, parent.action)];
  const idle = begin({ cpu: 0.5 }, parent.action);
  await clock.step(5_000);
  assert.equal(maker.alive.length, 0, "half a processor is left");
  finish(idle);
  await clock.step(100);
  assert.equal(maker.alive.length, 1, "a parent that waits for its children computes nothing");
  assert.ok(await take(plan, begin({}, parent.action)));
  await clock.step(5_000);
  assert.equal(maker.workers.length, 1, "it is replaced when a processor is idle");
  for (const key of computing) finish(key);
  await clock.step(100);
  assert.equal(maker.workers.length, 2);
});

test("one that an attempt waits for is made whoever computes, and so are those that save processor time", async () => {
  const { clock, maker, begin, take } = setUp();
  for (let n = 0; n < 4; n++) begin();
  const waiting = take(residentPlan("resident"));
  await take(fakePlan("fork", { mode: "fork" }));
  await clock.step(1_000);
  assert.ok(await waiting);
  assert.deepEqual(maker.alive.map(({ plan }) => plan.pool).toSorted(), ["fork", "resident"]);
});

test("only one is made at a time while attempts have all processors", async () => {
  const { clock, maker, pools, begin } = setUp({}, false);
  const plan = fakePlan("child", { mode: "fork" });
  pools.expect([plan, plan, plan, plan]);
  // Each waits for the next.
  let last = begin();
  for (let n = 0; n < 4; n++) last = begin({}, last.action);
  await clock.step(1_000);
  assert.equal(maker.workers.length, 2);
  for (let n = 0; n < 3; n++) begin();
  for (const worker of maker.workers) worker.getReady();
  await clock.step(1_000);
  assert.equal(maker.workers.length, 3);
});

test("an attempt that is stopped while it waits leaves the queue, and gives back what it got in that moment", async () => {
  const { clock, maker, take, begin } = setUp({}, false);
  const plan = fakePlan("p");
  await take(plan);
  await clock.step(100);
  for (const isReady of [false, true]) {
    const stop = new AbortController();
    const waiting = take(plan, begin(), stop.signal);
    if (isReady) maker.workers[0]?.getReady();
    stop.abort(new Error("stopped"));
    await assert.rejects(waiting, /stopped/u);
  }
  await clock.step(1_000);
  for (const worker of maker.workers) worker.getReady();
  const next = await take(plan);
  assert.ok(next);
  assert.equal((next.worker as (typeof maker.workers)[number]).isRemoved, false);
});

test("a worker of an earlier server is taken up with its attempt", async () => {
  const { clock, maker, pools, begin, take, finish } = setUp();
  const plan = residentPlan("p", { maxReplicas: 1 });
  const worker = await maker.make(plan);
  const key = begin();
  const adopted: TakenWorker = pools.adopt(plan, worker, key);
  assert.equal(adopted.worker, worker);
  const next = take(plan);
  await clock.step(1_000);
  assert.ok(await isPending(next));
  finish(key);
  assert.equal((await next)?.worker, worker);
});

test("close ends what is idle or being made, and leaves what runs an attempt", async () => {
  const { clock, maker, pools, begin, take } = setUp({ capacity: { cpu: 8 } }, false);
  const plan = fakePlan("f", { mode: "fork" });
  await take(plan);
  await clock.step(100);
  maker.workers[0]?.getReady();
  await clock.step(100);
  assert.ok(await take(plan, begin()));
  await take(fakePlan("idle"));
  await clock.step(100);
  maker.workers[1]?.getReady();
  await clock.step(100);
  await take(fakePlan("starting"));
  await clock.step(100);
  assert.equal(maker.workers.length, 3);
  const closing = pools.close();
  maker.workers[2]?.getReady();
  await clock.step(100);
  await closing;
  assert.deepEqual(
    maker.alive.map(({ name }) => name),
    ["worker-1"],
  );
  assert.equal(clock.pending, 0);
});
