import assert from "node:assert/strict";
import { appendFile, mkdir, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { FAKE_SPEC, fakeMaker, fakePlan, type FakeWorker } from "../../../test/helpers/fake-workers.ts";
import { recordingLogger } from "../../../test/helpers/recording-logger.ts";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import { until } from "../../../test/helpers/until.ts";
import type { AttemptExit } from "../../domain/attempt.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { WorkerMode } from "../../domain/warm-start.ts";
import { AttemptMachine } from "../attempt-machine.ts";
import type { AttemptObjects } from "../executor.ts";
import { WarmAttempt, type ColdStart } from "../warm-attempt.ts";
import { Assignments } from "./assignments.ts";
import { poolLimits } from "./pool-rules.ts";
import type { HeldInWorker, LimitQuestion } from "./held-in-worker.ts";
import { PooledAttempt } from "./pooled-attempt.ts";
import { createWorkerPools } from "./pools.ts";
import { FORK_WATCHDOG_MS } from "../../domain/worker-protocol.ts";
import { WorkerEnds } from "./worker-end.ts";

/** Workers that are ready at once, with directories on disk; what is in those, the test writes. */
async function setUp(t: TestContext, mode: WorkerMode = "fork", concurrency = 1, objects?: AttemptObjects) {
  const root = await temporaryDirectory(t);
  const clock = steppedClock();
  const { log } = recordingLogger();
  const directory = join(root, "worker");
  await mkdir(directory);
  const maker = fakeMaker(clock, { directory });
  const reuse = {
    minReplicas: 1,
    maxReplicas: 1,
    concurrency,
    idleTtlMs: 9e9,
    scaledownTtlMs: 9e9,
    scope: "run",
    shares: "e",
  } as const;
  const container = mode === "resident" ? { ...FAKE_SPEC, reuse } : FAKE_SPEC;
  const plan = fakePlan("pool", { mode, container, concurrency });
  const limits = poolLimits({ cpu: 2 }, { memoryBytes: 2 ** 30, workers: 9 });
  const makePools = () => createWorkerPools({ maker, limits, availableMemory: () => undefined, clock, log });
  let pools = makePools();
  let assignments = await Assignments.open(join(root, "assignments"), log);
  let ends = new WorkerEnds(assignments);
  const killed: string[] = [];
  const asked: LimitQuestion[] = [];
  let isTracked = true;
  let isReachable = true;
  const takenUp = (worker: FakeWorker | undefined) => {
    if (worker === undefined || isReachable) return worker;
    const ready = worker.ended.then(() => Promise.reject(new Error("it has ended")));
    ready.catch(() => {});
    return { ...worker, ready };
  };
  const alive = (name: string) => maker.alive.find((worker) => worker.name === name);

  const start = (action: string) => {
    const key = { ...FAKE_SPEC.key, action };
    const name = `boxkite-${action}`;
    const spec = { ...FAKE_SPEC, key, ...(objects && { objects }) };
    const lines: string[] = [];
    const cold: string[] = [];
    let exit: AttemptExit | undefined;
    let started: number | undefined;
    const warm: unknown[] = [];
    const observer = {
      progress: () => {},
      prepared: (of: { readonly warm?: unknown }) => void warm.push(of.warm),
      waiting: () => {},
      started: (atMs: number) => {
        started = atMs;
      },
      ended: (of: AttemptExit) => {
        exit = of;
      },
    };
    const attempt = new PooledAttempt({
      name,
      id: action,
      spec,
      plan: async () => ({
        plan,
        args: ["x"],
        env: { A: action },
        spec,
        start: { engine: "fake", adaptations: [] },
      }),
      pools,
      assignments,
      ends,
      envIn: (_, env) => env,
      workers: {
        takeUp: async (of) => (isTracked ? takenUp(alive(of)) : undefined),
        directoryOf: () => directory,
        kill: async (of) => {
          killed.push(of);
          alive(of)?.end({ exitCode: 137 });
        },
        endOf: async () => ({ exitCode: 137, outOfMemory: false, message: "it has ended" }),
        putFiles: async () => {},
        limitFacts: async (_, question) => {
          asked.push(question);
          return { outOfMemory: question.hasWorkerEnded };
        },
      },
      sink: {
        lastAtMs: lines.length > 0 ? 1 : undefined,
        write: (_, line) => void lines.push(line),
        flush: async () => {},
      },
      observer,
      clock,
      log,
    });
    const coldWork = {
      takeUp: async () => undefined,
      create: async () => {
        cold.push(action);
        return { name: "ended", exit: { reason: "exited", exitCode: 0, outOfMemory: false } };
      },
      close: async () => {},
    } as unknown as ColdStart<HeldInWorker>;
    const machine = new AttemptMachine(
      new WarmAttempt({ spec, pools, warm: attempt, cold: coldWork }),
      observer,
      log,
    );
    return {
      key,
      machine,
      lines,
      cold,
      warm,
      get exit() {
        return exit;
      },
      get started() {
        return started;
      },
    };
  };
  const files = (id: string) => join(directory, "attempts", id);
  /** In real time: the machine works on disk. */
  const eventually = (is: () => boolean) =>
    until(async () => {
      await clock.step(30);
      return is();
    });
  const workers = () => maker.workers;
  return {
    clock,
    directory,
    start,
    files,
    eventually,
    workers,
    killed,
    asked,
    assignments: () => assignments,
    pools: () => pools,
    /** A worker that is ready, for the first attempt. */
    worker: async (): Promise<FakeWorker> => {
      pools.expect([plan]);
      await clock.step(200);
      const [worker] = maker.workers;
      if (worker === undefined) throw new Error("there is no worker");
      return worker;
    },
    /** Of the server; of the machine, where that is now another `boot`. */
    restart: async (to: { isAlive?: boolean; isReachable?: boolean; boot?: string } = {}) => {
      isTracked = to.isAlive ?? true;
      isReachable = to.isReachable ?? true;
      pools = makePools();
      assignments = await Assignments.open(join(root, "assignments"), log, to.boot);
      ends = new WorkerEnds(assignments);
    },
  };
}

const begun = (worker: FakeWorker, id: string) => worker.report({ event: "started", id });

test("an attempt in a worker: its output is its log, its exit file its end, and the next one follows in the same worker", async (t) => {
  const on = await setUp(t);
  const worker = await on.worker();
  for (const [index, code] of [0, 3].entries()) {
    const id = `a${index}`;
    const attempt = on.start(id);
    await on.eventually(() => worker.orders.length === index + 1);
    assert.deepEqual(worker.orders[index], { op: "start", id, args: ["x"], env: { A: id } });
    assert.equal(
      on.assignments().of(`boxkite-${id}`)?.warm.worker,
      worker.name,
      "it is recorded before the order",
    );
    begun(worker, id);
    await on.eventually(() => attempt.started !== undefined);
    assert.deepEqual(attempt.warm, [
      { mode: "fork", pool: "pool", worker: worker.name, earlierAttempts: index },
    ]);
    await writeFile(join(on.files(id), "stdout"), "one\ntw");
    await on.eventually(() => attempt.lines.includes("one"));
    await appendFile(join(on.files(id), "stdout"), "o");
    await writeFile(join(on.files(id), "exit"), String(code));
    worker.report({ event: "exited", id, code });
    await on.eventually(() => attempt.exit !== undefined);
    assert.deepEqual(attempt.lines, ["one", "two"]);
    assert.equal(attempt.exit?.exitCode, code);
    assert.equal(attempt.exit?.outOfMemory, false);
    on.pools().release(attempt.key);
  }
  assert.deepEqual(
    on.asked.map(({ exitCode, hasWorkerEnded }) => [exitCode, hasWorkerEnded]),
    [[3, false]],
    "limits matter where it failed",
  );
});

test("what did not come to code of the task starts cold: no fork, a silent worker, one that breaks, one that cannot be reached", async (t) => {
  const causes: Readonly<Record<string, (worker: FakeWorker, directory: string) => Promise<void>>> = {
    unstarted: async (worker, directory) => {
      await writeFile(join(directory, "unstarted"), "no process could be made");
      await writeFile(join(directory, "exit"), "1");
      worker.report({ event: "exited", id: "a0", code: 1 });
    },
    silent: async () => {},
    ended: async (worker) => worker.end(),
  };
  for (const [cause, happens] of Object.entries(causes)) {
    const on = await setUp(t);
    const worker = await on.worker();
    const attempt = on.start("a0");
    await on.eventually(() => worker.orders.length === 1);
    await happens(worker, on.files("a0"));
    if (cause === "silent") {
      // Its own watchdog ends it before.
      await on.clock.step(FORK_WATCHDOG_MS + 5_000);
      assert.deepEqual(on.killed, []);
      await on.clock.step(20_000);
    }
    await on.eventually(() => attempt.exit !== undefined);
    assert.deepEqual(attempt.cold, ["a0"], cause);
    assert.deepEqual(on.killed, cause === "silent" ? [worker.name] : [], cause);
    assert.equal(on.assignments().all().length, 0, cause);
  }
  const on = await setUp(t);
  (await on.worker()).disconnect(new Error("it is not connected"));
  const attempt = on.start("a0");
  await on.eventually(() => attempt.exit !== undefined);
  assert.deepEqual(attempt.cold, ["a0"]);
  assert.deepEqual(await readdir(join(on.directory, "attempts")), [], "nothing of it is left");
});

test("one that has written before its worker ended had begun, though nobody heard of it: it is not started again", async (t) => {
  const on = await setUp(t);
  const worker = await on.worker();
  const attempt = on.start("a0");
  await on.eventually(() => worker.orders.length === 1);
  await writeFile(join(on.files("a0"), "stdout"), "effect\n");
  worker.end({ exitCode: 139 });
  await on.eventually(() => attempt.exit !== undefined);
  assert.deepEqual(attempt.cold, []);
  assert.equal(attempt.exit?.exitCode, 139);
  assert.deepEqual(attempt.lines, ["effect"]);
});

test("an attempt that cannot be known not to have begun is not started again", async (t) => {
  type On = Awaited<ReturnType<typeof setUp>>;
  const causes: Readonly<Record<string, (on: On, worker: FakeWorker) => Promise<void>>> = {
    "its output is no file any more": async (on, worker) => {
      await mkdir(join(on.files("a0"), "stdout"));
      worker.end();
    },
    "its directory cannot be read": async (on) => {
      await rename(on.directory, `${on.directory}.moved`);
      await symlink(on.directory, on.directory);
    },
    "it was seen to begin before it wrote that it had not": async (on, worker) => {
      await on.assignments().started("boxkite-a0", 7);
      await writeFile(join(on.files("a0"), "unstarted"), "its own words");
      await writeFile(join(on.files("a0"), "exit"), "3");
      worker.report({ event: "exited", id: "a0", code: 3 });
    },
  };
  for (const [cause, happens] of Object.entries(causes)) {
    const on = await setUp(t);
    const worker = await on.worker();
    const first = on.start("a0");
    await on.eventually(() => worker.orders.length === 1);
    await first.machine.detach();
    await happens(on, worker);
    await on.restart();
    const again = on.start("a0");
    await on.eventually(() => again.exit !== undefined);
    assert.deepEqual([again.cold, worker.orders.length], [[], 1], cause);
  }
});

test("an end that another attempt put where its own belongs is not taken for it", async (t) => {
  const on = await setUp(t);
  const worker = await on.worker();
  const attempt = on.start("a0");
  await on.eventually(() => worker.orders.length === 1);
  // The refusal of the worker cannot replace a directory.
  await mkdir(join(on.files("a0"), "unstarted"));
  await writeFile(join(on.files("a0"), "exit"), "0");
  worker.report({ event: "exited", id: "a0", code: 1 });
  await on.eventually(() => attempt.exit !== undefined);
  assert.deepEqual(attempt.cold, ["a0"]);
});

test("a resident worker that is busy with one attempt is not ended where another one waits to begin", async (t) => {
  const on = await setUp(t, "resident", 3);
  const worker = await on.worker();
  const attempts = ["a0", "a1", "a2"].map(on.start);
  await on.eventually(() => worker.orders.length === 3);
  begun(worker, "a0");
  await on.eventually(() => attempts[0]?.started !== undefined);
  await on.clock.step(60_000);
  await on.eventually(() => attempts.every(({ started }) => started !== undefined));
  assert.deepEqual(on.killed, []);
  assert.equal(on.pools().states()[0]?.busy, 1, "it is not retired");

  await writeFile(join(on.files("a1"), "exit"), "0");
  begun(worker, "a1");
  worker.report({ event: "exited", id: "a1", code: 0 });
  await writeFile(join(on.files("a2"), "unstarted"), "another version of its code is loaded");
  await writeFile(join(on.files("a2"), "exit"), "1");
  worker.report({ event: "exited", id: "a2", code: 1 });
  await on.eventually(() => attempts.slice(1).every(({ exit }) => exit !== undefined));
  assert.equal(attempts[1]?.exit?.exitCode, 0);
  const { reason, code, message = "" } = attempts[2]?.exit ?? {};
  assert.deepEqual([reason, code], ["lost", "WORKER_ENDED"], "its code is not to blame");
  assert.match(message, /another version of its code is loaded/u);
});

test("an attempt that had begun in a worker which the server ended, since it did not report that, is lost and not blamed", async (t) => {
  const on = await setUp(t);
  const worker = await on.worker();
  const attempt = on.start("a0");
  await on.eventually(() => worker.orders.length === 1);
  await writeFile(join(on.files("a0"), "stdout"), "effect\n");
  await on.clock.step(60_000);
  await on.eventually(() => attempt.exit !== undefined);
  assert.deepEqual(on.killed, [worker.name]);
  assert.deepEqual([attempt.exit?.reason, attempt.exit?.code, attempt.cold], ["lost", "WORKER_ENDED", []]);
});

test("a detach does not wait for an attempt to begin, and a stop of one that has not begun is passed on", async (t) => {
  const on = await setUp(t);
  const worker = await on.worker();
  const first = on.start("a0");
  await on.eventually(() => worker.orders.length === 1);
  // No time passes on its clock.
  await first.machine.detach();
  assert.equal(on.assignments().of("boxkite-a0")?.startedAt, undefined, "the next server finds out");
  await on.restart();
  const again = on.start("a0");
  await on.eventually(() => worker.orders.length === 2);
  const stopping = again.machine.stop(1_000);
  await until(async () => worker.orders.length === 3);
  assert.deepEqual(worker.orders[2], { op: "signal", id: "a0", signal: "TERM" });
  await writeFile(join(on.files("a0"), "exit"), "143");
  worker.report({ event: "exited", id: "a0", code: 143 });
  await on.eventually(() => again.exit !== undefined);
  await stopping;
  assert.deepEqual([again.exit?.exitCode, again.cold], [143, []]);
});

test("a worker that was taken up and cannot be reached holds up neither a detach nor a stop", async (t) => {
  for (const ends of ["detach", "stop"] as const) {
    const on = await setUp(t);
    const worker = await on.worker();
    const first = on.start("a0");
    await on.eventually(() => worker.orders.length === 1);
    await first.machine.detach();
    await on.restart({ isReachable: false });
    const again = on.start("a0");
    await on.clock.step(1_000);
    if (ends === "detach") await again.machine.detach();
    else {
      const stopping = again.machine.stop(0);
      await on.clock.step(10_000);
      await on.eventually(() => again.exit !== undefined);
      await stopping;
      assert.deepEqual(on.killed, [worker.name]);
    }
    assert.deepEqual(again.cold, []);
  }
});

test("an attempt whose worker ends before it is reached again starts cold where it had not begun", async (t) => {
  const on = await setUp(t);
  const worker = await on.worker();
  const first = on.start("a0");
  await on.eventually(() => worker.orders.length === 1);
  await first.machine.detach();
  await on.restart({ isReachable: false });
  const again = on.start("a0");
  await on.clock.step(1_000);
  worker.end();
  await on.eventually(() => again.exit !== undefined);
  assert.deepEqual(again.cold, ["a0"]);
});

test("a worker that ends with its only attempt was ended by it; of several, none is blamed", async (t) => {
  const alone = await setUp(t, "resident", 2);
  const worker = await alone.worker();
  const attempt = alone.start("a0");
  await alone.eventually(() => worker.orders.length === 1);
  begun(worker, "a0");
  await alone.eventually(() => attempt.started !== undefined);
  worker.end({ exitCode: 137 });
  await alone.eventually(() => attempt.exit !== undefined);
  assert.deepEqual(
    [attempt.exit?.reason, attempt.exit?.exitCode, attempt.exit?.outOfMemory],
    ["exited", 137, true],
  );

  const shared = await setUp(t, "resident", 3);
  const other = await shared.worker();
  const attempts = ["a0", "a1", "a2"].map(shared.start);
  await shared.eventually(() => other.orders.length === 3);
  for (const id of ["a0", "a1", "a2"]) begun(other, id);
  await shared.eventually(() => attempts.every(({ started }) => started !== undefined));
  await writeFile(join(shared.files("a2"), "exit"), "0");
  other.end({ exitCode: 139 });
  await shared.eventually(() => attempts.every(({ exit }) => exit !== undefined));
  assert.deepEqual(
    attempts.map(({ exit }) => [exit?.reason, exit?.code]),
    [
      ["lost", "WORKER_ENDED"],
      ["lost", "WORKER_ENDED"],
      ["exited", undefined],
    ],
  );
  assert.match(attempts[0]?.exit?.message ?? "", /exit code 139 while 2 attempts ran/u);
});

test("stop: TERM, then KILL to a forked one; a resident worker is ended instead, and its others are lost", async (t) => {
  const fork = await setUp(t);
  const worker = await fork.worker();
  const attempt = fork.start("a0");
  await fork.eventually(() => worker.orders.length === 1);
  begun(worker, "a0");
  await fork.eventually(() => attempt.started !== undefined);
  const stopping = attempt.machine.stop(1_000);
  await fork.eventually(() => worker.orders.length === 3);
  assert.deepEqual(
    worker.orders.slice(1).map((order) => order.op === "signal" && order.signal),
    ["TERM", "KILL"],
  );
  await writeFile(join(fork.files("a0"), "exit"), "137");
  worker.report({ event: "exited", id: "a0", code: 137 });
  await fork.eventually(() => attempt.exit !== undefined);
  await stopping;
  assert.equal(attempt.exit?.exitCode, 137);
  assert.deepEqual(fork.killed, []);

  const resident = await setUp(t, "resident", 2);
  const shared = await resident.worker();
  const attempts = ["a0", "a1"].map(resident.start);
  await resident.eventually(() => shared.orders.length === 2);
  for (const id of ["a0", "a1"]) begun(shared, id);
  await resident.eventually(() => attempts.every(({ started }) => started !== undefined));
  const stopped = attempts[0]?.machine.stop(0);
  await resident.eventually(() => attempts.every(({ exit }) => exit !== undefined));
  await stopped;
  assert.deepEqual(resident.killed, [shared.name]);
  assert.deepEqual(
    attempts.map(({ exit }) => [exit?.reason, exit?.exitCode]),
    [
      ["exited", 137],
      ["lost", undefined],
    ],
  );
});

test("after a restart: what runs goes on, what ended meanwhile is reported, what was not begun is, and no order is given twice", async (t) => {
  const on = await setUp(t, "resident", 4);
  const worker = await on.worker();
  const first = ["a0", "a1", "a2"].map(on.start);
  await on.eventually(() => worker.orders.length === 3);
  for (const id of ["a0", "a1"]) begun(worker, id);
  await on.eventually(() => first.slice(0, 2).every(({ started }) => started !== undefined));
  await writeFile(join(on.files("a0"), "stdout"), "before\n");
  await on.eventually(() => first[0]?.lines.length === 1);
  for (const { machine } of first.slice(0, 2)) await machine.detach();

  await on.restart();
  await writeFile(join(on.files("a1"), "exit"), "4");
  const again = ["a0", "a1"].map(on.start);
  await on.eventually(() => again[1]?.exit !== undefined);
  assert.equal(again[1]?.exit?.exitCode, 4);
  assert.equal(worker.orders.length, 3);
  assert.equal(on.pools().states()[0]?.busy, 1, "its pool knows the worker again");
  await writeFile(join(on.files("a0"), "exit"), "0");
  await on.eventually(() => again[0]?.exit !== undefined);
  assert.equal(again[0]?.exit?.exitCode, 0);
  assert.deepEqual([again[0]?.cold, again[1]?.cold], [[], []]);

  // The order of the third was not known to have been taken: it is given again, which changes nothing.
  const third = on.start("a2");
  await on.eventually(() => worker.orders.length === 4);
  begun(worker, "a2");
  await on.eventually(() => third.started !== undefined);
});

test("after a restart: an attempt whose worker is gone starts cold if it had not begun, and is over if it had", async (t) => {
  for (const hasBegun of [false, true]) {
    const on = await setUp(t);
    const worker = await on.worker();
    const attempt = on.start("a0");
    await on.eventually(() => worker.orders.length === 1);
    if (hasBegun) {
      begun(worker, "a0");
      await on.eventually(() => on.assignments().of("boxkite-a0")?.startedAt !== undefined);
      await attempt.machine.detach();
    }
    await on.restart({ isAlive: false });
    const again = on.start("a0");
    await on.eventually(() => again.exit !== undefined);
    assert.deepEqual(again.cold, hasBegun ? [] : ["a0"]);
    if (hasBegun) assert.equal(again.exit?.exitCode, 137);
  }
});

test("after a restart of the machine an attempt is lost, unless its end is on disk: it may have begun", async (t) => {
  for (const hasExit of [false, true]) {
    const on = await setUp(t);
    const worker = await on.worker();
    const attempt = on.start("a0");
    await on.eventually(() => worker.orders.length === 1);
    await attempt.machine.detach();
    if (hasExit) await writeFile(join(on.files("a0"), "exit"), "0");
    await on.restart({ isAlive: false, boot: "another" });
    const again = on.start("a0");
    await on.eventually(() => again.exit !== undefined);
    assert.deepEqual(again.cold, []);
    assert.deepEqual(
      [again.exit?.reason, again.exit?.code],
      hasExit ? ["exited", undefined] : ["lost", "MACHINE_RESTARTED"],
    );
  }
});

test("files of the machine are not read for a container that puts links in its directory", async (t) => {
  const on = await setUp(t);
  const secret = join(await temporaryDirectory(t), "secret");
  await writeFile(secret, "7\n");
  const worker = await on.worker();
  const attempt = on.start("a0");
  await on.eventually(() => worker.orders.length === 1);
  begun(worker, "a0");
  await symlink(secret, join(on.files("a0"), "stdout"));
  await symlink(secret, join(on.files("a0"), "exit"));
  await on.eventually(() => attempt.started !== undefined);
  await on.clock.step(20_000);
  assert.deepEqual([attempt.lines, attempt.exit], [[], undefined]);
  worker.end({ exitCode: 1 });
  await on.eventually(() => attempt.exit !== undefined);
  assert.deepEqual(attempt.lines, []);
});

/** Objects in memory; `failures`: what the next results throw. */
function fakeObjects(inputs: string | undefined = "in") {
  const stored: [name: string, text: string][] = [];
  const failures: Error[] = [];
  let taken = 0;
  const objects: AttemptObjects = {
    readInputs: async (mostBytes) =>
      inputs === undefined || inputs.length > mostBytes ? undefined : Buffer.from(inputs),
    inputsTaken: () => void taken++,
    writeResult: async (name, content) => {
      const bytes = Buffer.concat(await Array.fromAsync(content));
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      stored.push([name, bytes.toString()]);
    },
  };
  return {
    objects,
    stored,
    failures,
    get taken() {
      return taken;
    },
  };
}

/** A worker that has its first attempt's order. */
async function ordered(
  t: TestContext,
  fake: ReturnType<typeof fakeObjects>,
  mode: "fork" | "resident" = "resident",
) {
  const on = await setUp(t, mode, mode === "fork" ? 1 : 2, fake.objects);
  const worker = await on.worker();
  const attempt = on.start("a0");
  await on.eventually(() => worker.orders.length === 1);
  const exits = async (results: Readonly<Record<string, string>>, code = 0) => {
    for (const [name, text] of Object.entries(results)) await writeFile(join(on.files("a0"), name), text);
    await writeFile(join(on.files("a0"), "exit"), String(code));
    worker.report({ event: "exited", id: "a0", code });
  };
  return { ...on, worker, attempt, exits };
}

test("a worker gets inputs with the order, and the result is stored before the attempt has ended", async (t) => {
  for (const [results, code, mode] of [
    [{ "outputs.pb": "out" }, 0, "fork"],
    [{ "outputs.pb": "out" }, 0],
    [{ "error.pb": "wrong" }, 0],
    [{ "error.pb": "" }, 1],
    [{ "outputs.pb": "x".repeat(3_000_000) }, 0],
    [{}, 0],
  ] as const) {
    const fake = fakeObjects();
    const on = await ordered(t, fake, mode);
    const [order] = on.worker.orders;
    assert.equal(order?.op === "start" && order.inputs, Buffer.from("in").toString("base64"));
    assert.equal(fake.taken, 0);
    begun(on.worker, "a0");
    await on.eventually(() => on.attempt.started !== undefined);
    assert.equal(fake.taken, 1, "its runtime has them");
    let storedAtEnd: number | undefined;
    void on.attempt.machine.done.then(() => (storedAtEnd = fake.stored.length));
    await on.exits(results, code);
    await on.eventually(() => on.attempt.exit !== undefined);
    assert.deepEqual(fake.stored, Object.entries(results));
    assert.deepEqual([on.attempt.exit?.reason, on.attempt.exit?.exitCode], ["exited", code]);
    await on.attempt.machine.done;
    assert.equal(storedAtEnd, fake.stored.length);
  }
});

test("a worker reads and writes objects itself where inputs are large or cannot be read", async (t) => {
  const unreadable = fakeObjects();
  unreadable.objects.readInputs = async () => {
    throw new BoxkiteError("OBJECT_NOT_FOUND", "there is no object");
  };
  for (const fake of [fakeObjects("x".repeat(300_000)), unreadable]) {
    const on = await ordered(t, fake);
    assert.deepEqual(on.worker.orders, [{ op: "start", id: "a0", args: ["x"], env: { A: "a0" } }]);
    begun(on.worker, "a0");
    await on.exits({ "outputs.pb": "not the worker's" });
    await on.eventually(() => on.attempt.exit !== undefined);
    assert.deepEqual([fake.stored, fake.taken], [[], 0]);
  }
});

test("an attempt starts cold where an earlier one has put files in place of its own", async (t) => {
  const on = await setUp(t);
  const worker = await on.worker();
  await mkdir(on.files("a0"), { recursive: true });
  await writeFile(join(on.files("a0"), "exit"), "0");
  const attempt = on.start("a0");
  await on.eventually(() => attempt.exit !== undefined);
  assert.deepEqual([attempt.cold, worker.orders], [["a0"], []]);
});

test("an attempt whose result cannot be stored is lost, and says why; a full disk is tried again", async (t) => {
  const full = new BoxkiteError("DISK_FULL", "no space is left");
  const cases: readonly (readonly [Error[], string | undefined, boolean | undefined])[] = [
    [[full], undefined, undefined],
    [Array.from({ length: 9 }, () => full), "DISK_FULL", true],
    [[new BoxkiteError("PERMISSION_DENIED", "not yours")], "PERMISSION_DENIED", false],
    [[new Error("broken")], "EXECUTOR_FAILED", undefined],
  ];
  for (const [failures, code, recoverable] of cases) {
    const fake = fakeObjects();
    fake.failures.push(...failures);
    const on = await ordered(t, fake);
    begun(on.worker, "a0");
    await on.exits({ "outputs.pb": "out" });
    await until(async () => {
      await on.clock.step(500);
      return on.attempt.exit !== undefined;
    });
    const { reason, exitCode, message = "" } = on.attempt.exit ?? {};
    assert.deepEqual([reason, exitCode, on.attempt.exit?.code], [code ? "lost" : "exited", 0, code]);
    assert.equal(on.attempt.exit?.recoverable, recoverable);
    if (code !== undefined) assert.match(message, /^the result could not be stored: /u);
    assert.equal(fake.stored.length, code === undefined ? 1 : 0);
  }
});

test("what a worker left half-written, and links to files of the machine, are not stored", async (t) => {
  const crashed = fakeObjects();
  const on = await ordered(t, crashed);
  begun(on.worker, "a0");
  await on.eventually(() => on.attempt.started !== undefined);
  await writeFile(join(on.files("a0"), "outputs.pb"), "hal");
  on.worker.end();
  await on.eventually(() => on.attempt.exit !== undefined);
  assert.deepEqual(crashed.stored, []);

  const linked = fakeObjects();
  const other = await ordered(t, linked);
  const secret = join(await temporaryDirectory(t), "secret");
  await writeFile(secret, "secret");
  begun(other.worker, "a0");
  await symlink(secret, join(other.files("a0"), "outputs.pb"));
  await other.exits({});
  await other.eventually(() => other.attempt.exit !== undefined);
  assert.deepEqual(linked.stored, []);
});

test("a result that the server had not stored when it ended is stored by the next one, and again without harm", async (t) => {
  const fake = fakeObjects();
  const on = await ordered(t, fake);
  begun(on.worker, "a0");
  await on.eventually(() => on.attempt.started !== undefined);
  await on.attempt.machine.detach();
  await on.exits({ "outputs.pb": "out" });
  for (let servers = 1; servers <= 2; servers++) {
    await on.restart({ isAlive: servers === 1 });
    const again = on.start("a0");
    await on.eventually(() => again.exit !== undefined);
    assert.equal(again.exit?.exitCode, 0);
    assert.deepEqual(
      fake.stored,
      Array.from({ length: servers }, () => ["outputs.pb", "out"]),
    );
  }
});

test("the slot of an attempt whose result a detach has left unstored is given to no other before that is stored", async (t) => {
  const fake = fakeObjects();
  fake.failures.push(new BoxkiteError("DISK_FULL", "no space is left"));
  const on = await ordered(t, fake, "fork");
  begun(on.worker, "a0");
  await on.exits({ "outputs.pb": "out" });
  // No time passes on its clock: it waits to try again.
  await until(async () => fake.failures.length === 0);
  await on.attempt.machine.detach();
  const busy = () => on.pools().states()[0]?.busy;
  assert.equal(busy(), 1);
  const again = on.start("a0");
  await on.eventually(() => again.exit !== undefined);
  assert.deepEqual([again.exit?.exitCode, fake.stored, busy()], [0, [["outputs.pb", "out"]], 0]);
});

test("an attempt that cannot be forgotten does not start cold, and leaves its slot", async (t) => {
  const on = await setUp(t);
  const worker = await on.worker();
  const journal = join(on.directory, "..", "assignments", "journal");
  Object.assign(worker, {
    send: async () => {
      await rm(journal);
      await mkdir(journal);
      throw new Error("it is not connected");
    },
  });
  const attempt = on.start("a0");
  await on.eventually(() => attempt.exit !== undefined);
  assert.deepEqual([attempt.exit?.code, attempt.cold], ["EXECUTOR_FAILED", []]);
  assert.equal(on.pools().states()[0]?.busy, 0);
});

test("an order that is given again after a restart has its inputs again", async (t) => {
  const fake = fakeObjects();
  const on = await ordered(t, fake);
  await on.restart();
  on.start("a0");
  await on.eventually(() => on.worker.orders.length === 2);
  assert.deepEqual(on.worker.orders[1], on.worker.orders[0]);
});

test("the end of an attempt is not held up by output that came just before", async (t) => {
  const on = await setUp(t);
  const worker = await on.worker();
  const attempt = on.start("a0");
  await on.eventually(() => worker.orders.length === 1);
  begun(worker, "a0");
  await on.eventually(() => attempt.started !== undefined);
  await writeFile(join(on.files("a0"), "stdout"), "line\n");
  worker.report({ event: "started", id: "a0" });
  await writeFile(join(on.files("a0"), "exit"), "0");
  worker.report({ event: "exited", id: "a0", code: 0 });
  // No time passes on its clock.
  await until(async () => attempt.exit !== undefined);
  assert.deepEqual(attempt.lines, ["line"]);
});
