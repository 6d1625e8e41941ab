/** Attempts in workers of mode one_shot, against a scripted engine whose workers listen as real ones do. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { ANSWERED, answer, inspected, startFakeEngine } from "../../../test/executors/fake-engine.ts";
import { Recorder } from "../../../test/executors/recorder.ts";
import { imageFacts } from "../../../test/helpers/image-facts.ts";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { until } from "../../../test/helpers/until.ts";
import { connectEngine } from "../../containers/api.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import { fitsInMemory } from "../../python-runtime/runtime-fitter.ts";
import type { AttemptSpec } from "../executor.ts";
import { poolLimits } from "../workers/pool-rules.ts";
import { createWorkerPools } from "../workers/pools.ts";
import { NO_POLICY, type ConfinementPolicy } from "./confinement.ts";
import { createContainerExecutor } from "./container-executor.ts";
import { containerName } from "./container-spec.ts";
import type { RunNetworks } from "./run-networks.ts";
import { openWorkers } from "./warm-starts.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
/** Its worker is of no run before it has it. */
const ROOT: AttemptSpec = {
  key: { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 },
  image: { reference: "h.io/app:1", pinned: `h.io/app@${DIGEST}`, digest: DIGEST, source: "registry" },
  command: [],
  args: ["a0", "--inputs", "i"],
  env: { TOKEN: "t", MODE: "m" },
  ownVariables: ["TOKEN"],
  requests: {},
  limits: {},
  labels: {},
};
const SPEC: AttemptSpec = { ...ROOT, parent: "caller" };
const COLD = containerName("i", SPEC.key);

/** What a worker does with its order. */
type Behaviour =
  /** Takes it, and its container ends with code 5. */
  | "ends"
  /** Takes it, and its container goes on. */
  | "runs"
  /** Its container ends before it takes it. */
  | "crashes"
  /** Takes it, and its container ends before it has reported that. */
  | "crashes_late"
  /** Does nothing. */
  | "hangs"
  /** Takes it, and reports nothing. */
  | "hangs_late"
  /** Takes it when it is ended. */
  | "takes_late";

/** Ten seconds pass in a tenth of one. */
const FAST: Clock = {
  ...systemClock,
  now: () => systemClock.now() * 100,
  timer: (ms, onExpiry) => systemClock.timer(ms / 100, onExpiry),
};

interface Body {
  readonly Cmd: readonly string[];
  readonly Env: readonly string[];
  readonly Labels: Record<string, string>;
  readonly HostConfig: { readonly Mounts?: readonly { Source: string; Target: string }[] };
}

class Container {
  readonly id: string;
  readonly name: string;
  readonly body: Body;
  readonly orders: unknown[] = [];
  state: { Status: string; Running: boolean; ExitCode: number } = {
    Status: "created",
    Running: false,
    ExitCode: 0,
  };

  constructor(id: string, name: string, body: Body) {
    this.id = id;
    this.name = name;
    this.body = body;
  }

  get directory(): string | undefined {
    return this.body.HostConfig.Mounts?.find(({ Target }) => Target === "/run/boxkite/worker")?.Source;
  }
}

interface Options {
  readonly behaviour?: Behaviour;
  readonly setting?: "off" | "one_shot" | "fork";
  readonly clock?: Clock;
  readonly putFails?: boolean;
  readonly policy?: ConfinementPolicy;
  readonly removeFails?: boolean;
  /** That a worker's network belongs to its attempt's run from now on. */
  readonly give?: RunNetworks["give"];
}

async function startEngine(t: TestContext) {
  // Hooks run in the order of their registration: what an executor ends, it ends while the engine is there.
  const closing: (() => Promise<void>)[] = [];
  t.after(async () => {
    for (const close of closing) await close();
  });
  const data = await temporaryDirectory(t);
  const short = await temporaryDirectory(t);
  const containers: Container[] = [];
  const calls: string[] = [];
  const sockets = new Set<Socket>();
  const script = { behaviour: "ends" as Behaviour, putFails: false, removeFails: false, mode: "one_shot" };
  let events: ServerResponse | undefined;

  const end = (container: Container, exitCode: number) => {
    container.state = { Status: "exited", Running: false, ExitCode: exitCode };
    events?.write(`${JSON.stringify({ Action: "die", Actor: { ID: container.id } })}\n`);
  };
  const serveWorker = async (container: Container, directory: string) => {
    const file = join(directory, "socket");
    const unfinished = join(short, container.id);
    const server = createServer((socket) => {
      sockets.add(socket);
      // The server may leave at any time, as it does from one that it does not want any more.
      socket.on("error", () => {});
      socket.write(
        `${JSON.stringify({ event: "ready", mode: script.mode, runtime: "3", sdk: "2", known: [] })}\n`,
      );
      socket.on("data", (data_) => {
        const order = JSON.parse(data_.toString()) as { id: string };
        container.orders.push(order);
        void obey(container, { file, socket, id: order.id, close: () => server.close() });
      });
    });
    server.listen(unfinished);
    await once(server, "listening");
    t.after(() => server.close());
    await rename(unfinished, file);
  };
  const obey = async (
    container: Container,
    worker: { file: string; socket: Socket; id: string; close: () => void },
  ) => {
    const { behaviour } = script;
    if (behaviour === "hangs" || behaviour === "takes_late") return;
    if (behaviour === "crashes") return end(container, 1);
    if (behaviour === "ends" || behaviour === "runs")
      worker.socket.write(`${JSON.stringify({ event: "started", id: worker.id })}\n`);
    await rm(worker.file);
    worker.close();
    worker.socket.end();
    if (behaviour === "ends") end(container, 5);
    if (behaviour === "crashes_late") end(container, 1);
  };

  const fake = await startFakeEngine(t, (call, response) => {
    const [, collection, rawId = "", verb = ""] = call.path.split("/");
    if (collection === "events") {
      events = response;
      response.flushHeaders();
      return ANSWERED;
    }
    if (collection === "info") return { Architecture: "x86_64", NCPU: 2, CgroupVersion: "2" };
    if (collection === "images") return { Id: DIGEST, Config: {} };
    if (call.method === "POST" && rawId === "create") {
      const name = call.query.get("name") ?? "";
      calls.push(`create ${name === COLD ? "cold" : "worker"}`);
      const container = new Container(
        `c${containers.length + calls.length}`,
        name,
        JSON.parse(call.body) as Body,
      );
      containers.push(container);
      return answer(response, 201, { Id: container.id });
    }
    if (rawId === "json") return containers.map(({ id, body }) => ({ Id: id, Labels: body.Labels }));
    const id = decodeURIComponent(rawId);
    const container = containers.find((each) => each.id === id || each.name === id);
    if (container === undefined) return answer(response, 404, { message: "no such container" });
    const kind = container.name === COLD ? "cold" : "worker";
    if (call.method === "DELETE") {
      calls.push(`remove ${kind}`);
      if (script.removeFails && kind === "worker") return answer(response, 500, { message: "busy" });
      containers.splice(containers.indexOf(container), 1);
      return answer(response, 204);
    }
    switch (verb) {
      case "start": {
        calls.push(`start ${kind}`);
        container.state = { Status: "running", Running: true, ExitCode: 0 };
        const { directory } = container;
        if (directory === undefined) end(container, 6);
        else void serveWorker(container, directory);
        return answer(response, 204);
      }
      case "kill":
      case "stop":
        calls.push(`${verb} ${kind}`);
        if (script.behaviour === "takes_late") rmSync(join(container.directory ?? "", "socket"));
        if (container.state.Running) end(container, 137);
        return answer(response, 204);
      case "archive":
        calls.push(`put ${kind}`);
        return script.putFails && kind === "worker"
          ? answer(response, 500, { message: "read-only" })
          : answer(response, 200);
      case "json":
        return { ...(inspected(container.state) as object), Id: container.id };
      case "logs":
        return answer(response, 200);
      default:
        return answer(response, 400, { message: "no attaching here" });
    }
  });

  const open = async ({
    behaviour = "ends",
    setting = "one_shot",
    clock = systemClock,
    putFails = false,
    policy = NO_POLICY,
    removeFails = false,
    give,
  }: Options) => {
    Object.assign(script, { behaviour, putFails, removeFails, mode: setting });
    const api = await connectEngine({ kind: "unix", socketPath: fake.socketPath });
    const workers = await openWorkers({ api, instance: "i", dataDirectory: data, log: silentLogger });
    const executor = createContainerExecutor({
      api,
      info: await api.info(),
      instance: "i",
      log: silentLogger,
      clock,
      policy,
      networks: give && fakeNetworks(give),
      endpointHost: () => "h",
      credentials: async () => undefined,
      records: {
        ...fitsInMemory(),
        findImageFacts: async () => imageFacts(),
        recordImageFacts: async () => {},
      },
      adaptation: {
        isStrict: false,
        bundles: undefined,
        fitter: { fit: () => Promise.reject(new Error("not asked for")) },
        placePrograms: async () => "/programs",
      },
      warmStarts: {
        ...workers,
        setting,
        createPools: (maker) =>
          createWorkerPools({
            maker,
            limits: poolLimits({}, { memoryBytes: 2 ** 30, workers: 8 }),
            availableMemory: () => undefined,
            clock: systemClock,
            log: silentLogger,
          }),
      },
    });
    let isClosed = false;
    const close = async () => {
      if (isClosed) return;
      isClosed = true;
      await executor.close();
      api.close();
    };
    closing.push(close);
    const start = async (more: Partial<AttemptSpec> = {}, of = SPEC) => {
      const recorder = new Recorder();
      await executor.start({ ...of, ...more }, recorder.sink, recorder.observer);
      return recorder;
    };
    /** Another attempt of the run has asked for a worker: now there is one. */
    const warmUp = async (of = SPEC) => {
      executor.expect?.({ images: [], requests: {}, limits: {}, attempts: [of] });
      await until(async () => executor.pools?.().some(({ idle }) => idle === 1) === true);
      calls.length = 0;
    };
    return { executor, start, warmUp, close };
  };
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  return { open, containers, calls, data, end };
}

/** Containers are where the engine puts them. */
function fakeNetworks(give: RunNetworks["give"]): RunNetworks {
  const of = () => undefined;
  const networks = { isDirect: false, join: async () => undefined, of, guard: async () => {}, give };
  return { ...networks, leave: () => {}, close: async () => {} } as unknown as RunNetworks;
}

/** A server with a worker that waits. */
async function openWarm(t: TestContext, options: Options = {}, of = SPEC) {
  const engine = await startEngine(t);
  const server = await engine.open(options);
  await server.warmUp(of);
  const [container] = engine.containers;
  assert.ok(container);
  return { ...engine, ...server, first: server, container };
}

/** Without the replacement that the pool makes meanwhile. */
function callsOf(calls: readonly string[]): readonly string[] {
  return calls.filter((call) => !["create worker", "start worker"].includes(call));
}

suite("an attempt in a worker", () => {
  test("says why it has none where its task has a reuse policy", async (t) => {
    const { open } = await startEngine(t);
    const { start } = await open({});
    const reuse = {
      minReplicas: 0,
      maxReplicas: 1,
      concurrency: 1,
      idleTtlMs: 30_000,
      scaledownTtlMs: 30_000,
      scope: "run" as const,
      shares: "s",
    };
    const { starts } = await start({ reuse, secretVariables: { PASSWORD: "x" } });
    await until(async () => starts.length > 0);
    assert.match(starts[0]?.cold ?? "", /has secrets in its variables/u);
  });

  test("is an order to it, with the attempt's own variables, and ends as the container does", async (t) => {
    const { executor, start, calls, container } = await openWarm(t);
    assert.ok(container.body.Env.includes("MODE=m"));
    assert.ok(!container.body.Env.some((text) => text.startsWith("TOKEN")));
    assert.deepEqual(container.body.Cmd.slice(-2), ["--a0", "/usr/local/bin/a0"]);
    assert.partialDeepStrictEqual(container.body.Labels, {
      "dev.boxkite.kind": "worker",
      "dev.boxkite.worker": container.name,
      "dev.boxkite.run": "r",
    });
    const recorder = await start({ secretFiles: { "/s": "x" } });
    const exit = await recorder.ended;
    assert.deepEqual([exit.reason, exit.exitCode, exit.entrypoint], ["exited", 5, undefined]);
    assert.deepEqual(recorder.told, ["started", "ended"]);
    assert.equal(exit.startedAt, await recorder.started);
    assert.ok((exit.endedAt ?? 0) >= (exit.startedAt ?? 0));
    const id = COLD.split("-").at(-1);
    assert.deepEqual(container.orders, [{ op: "start", id, args: ["--inputs", "i"], env: { TOKEN: "t" } }]);
    assert.partialDeepStrictEqual(recorder.starts, [
      { warm: { mode: "one_shot", worker: container.name, earlierAttempts: 0 } },
    ]);
    assert.deepEqual(callsOf(calls), ["put worker"]);
    assert.deepEqual(await executor.list(), [SPEC.key]);
    await executor.release(SPEC.key);
    assert.deepEqual(callsOf(calls), ["put worker", "remove worker"]);
    assert.deepEqual(await executor.list(), []);
    assert.equal(existsSync(container.directory ?? ""), false);
  });

  test("gets a container of its own where there is none, and none is asked for where that is off", async (t) => {
    const { open, calls } = await startEngine(t);
    const off = await open({ setting: "off" });
    assert.equal((await (await off.start()).ended).exitCode, 6);
    assert.deepEqual(calls, ["create cold", "start cold"]);
    await off.executor.release(SPEC.key);
    await off.close();
    const on = await open({});
    const recorder = await on.start();
    assert.equal((await recorder.ended).exitCode, 6);
    assert.equal(recorder.starts.at(-1)?.warm, undefined);
    await until(async () => on.executor.pools?.().some(({ idle }) => idle === 1) === true);
    await on.executor.release(SPEC.key);
    assert.equal((await (await on.start({ isStrict: true })).ended).exitCode, 6);
    await on.executor.release(SPEC.key);
    assert.equal((await (await on.start({ warmStart: "off" })).ended).exitCode, 6);
  });

  for (const [behaviour, clock] of [
    ["crashes", systemClock],
    ["hangs", FAST],
  ] as const)
    test(`starts cold where its worker ${behaviour} before it takes the order`, async (t) => {
      const { executor, start, calls, container } = await openWarm(t, { behaviour, clock });
      const recorder = await start();
      const exit = await recorder.ended;
      assert.deepEqual([exit.reason, exit.exitCode], ["exited", 6]);
      assert.deepEqual(recorder.told, ["started", "ended"]);
      assert.equal(container.orders.length, 1);
      const own = callsOf(calls);
      assert.ok(own.indexOf("remove worker") < own.indexOf("create cold"), own.join(", "));
      assert.equal(recorder.starts.at(-1)?.warm, undefined);
      assert.equal(existsSync(container.directory ?? ""), false);
      await executor.release(SPEC.key);
      assert.equal(callsOf(calls).at(-1), "remove cold");
    });

  test("has ended where its worker crashes_late: code of the task may have run", async (t) => {
    const { start, calls } = await openWarm(t, { behaviour: "crashes_late" });
    const recorder = await start();
    assert.equal((await recorder.ended).exitCode, 1);
    assert.deepEqual(recorder.told, ["started", "ended"]);
    assert.ok(!calls.includes("create cold"), calls.join(", "));
  });

  test("goes on where its worker hangs_late: it has taken the order, which its socket says", async (t) => {
    const { start, calls, end, container } = await openWarm(t, { behaviour: "hangs_late", clock: FAST });
    const recorder = await start();
    await recorder.started;
    assert.ok(!calls.includes("kill worker"), calls.join(", "));
    end(container, 4);
    assert.equal((await recorder.ended).exitCode, 4);
    assert.ok(!calls.includes("create cold"), calls.join(", "));
  });

  test("is lost where its worker takes the order while the server ends it", async (t) => {
    const { start, calls } = await openWarm(t, { behaviour: "takes_late", clock: FAST });
    const recorder = await start();
    const exit = await recorder.ended;
    assert.deepEqual([exit.reason, exit.code, exit.exitCode], ["lost", "WORKER_ENDED", undefined]);
    assert.ok(callsOf(calls).includes("kill worker"));
    assert.ok(!calls.includes("create cold"), calls.join(", "));
  });

  test("starts cold where its files cannot be brought into the worker", async (t) => {
    const { start, calls, container } = await openWarm(t, { putFails: true });
    const recorder = await start({ secretFiles: { "/s": "x" } });
    assert.equal((await recorder.ended).exitCode, 6);
    assert.deepEqual(container.orders, []);
    assert.ok(callsOf(calls).includes("put cold"));
  });

  test("of any run gets its order when its network is the run's, and nobody else reaches it", async (t) => {
    const { promise: guarded, resolve } = Promise.withResolvers<void>();
    const given: unknown[] = [];
    const give = async (...of: unknown[]) => {
      given.push(of);
      await guarded;
    };
    const { executor, start, container } = await openWarm(t, { give }, ROOT);
    const recorder = await start({}, ROOT);
    await until(async () => given.length > 0);
    assert.deepEqual([given, await executor.list()], [[[container.name, SPEC.key]], []]);
    assert.deepEqual(container.orders, []);
    resolve();
    assert.equal((await recorder.ended).exitCode, 5);
    assert.equal(container.orders.length, 1);
  });

  test("of any run starts cold where its network cannot be the run's, though the worker cannot be removed either", async (t) => {
    for (const removeFails of [false, true]) {
      const give = () => Promise.reject(new Error("no rule could be made"));
      const { start, calls, container } = await openWarm(t, { give, removeFails }, ROOT);
      const recorder = await start({}, ROOT);
      assert.equal((await recorder.ended).exitCode, 6);
      assert.deepEqual(container.orders, []);
      const own = callsOf(calls);
      assert.ok(own.indexOf("remove worker") < own.indexOf("create cold"), own.join(", "));
      assert.equal(own.includes("remove worker"), true);
    }
  });

  test("has its worker still where another observer takes it over", async (t) => {
    const { executor, start } = await openWarm(t, { behaviour: "runs" });
    await (
      await start()
    ).started;
    const busy = () => executor.pools?.().map((pool) => pool.busy);
    assert.deepEqual(busy(), [1]);
    const again = await start();
    await again.started;
    assert.deepEqual(busy(), [1]);
    await executor.stop(SPEC.key, 0);
    await again.ended;
    assert.deepEqual(busy(), [0]);
  });

  test("has its notes once, also where it starts cold after a worker of whichever mode", async (t) => {
    for (const setting of ["one_shot", "fork"] as const) {
      const policy = { settings: { maxProcesses: 7 }, templates: new Map() };
      const { start, calls } = await openWarm(t, { behaviour: "crashes", setting, policy });
      const recorder = await start();
      assert.equal((await recorder.ended).exitCode, 6, setting);
      assert.ok(calls.includes("create cold"));
      const notes = recorder.textOf("system").filter((line) => line.includes("at most 7 processes"));
      assert.equal(notes.length, 1, setting);
    }
  });

  test("that has not begun is stopped by its worker's container, and does not hold up the end of the server", async (t) => {
    const { executor, start, calls, container } = await openWarm(t, { behaviour: "hangs" });
    const recorder = await start();
    await until(async () => container.orders.length === 1);
    await executor.stop(SPEC.key, 0);
    assert.equal((await recorder.ended).exitCode, 137);
    assert.ok(!calls.includes("create cold"), calls.join(", "));

    const other = await openWarm(t, { behaviour: "hangs" });
    const { told } = await other.start();
    await until(async () => other.container.orders.length === 1);
    await other.close();
    assert.deepEqual(told, []);
    assert.ok(!other.calls.includes("kill worker"), other.calls.join(", "));
  });

  test("is stopped and released by its worker's container", async (t) => {
    const { executor, start, calls } = await openWarm(t, { behaviour: "runs" });
    const recorder = await start();
    await recorder.started;
    await executor.stop(SPEC.key, 0);
    assert.equal((await recorder.ended).exitCode, 137);
    assert.ok(callsOf(calls).includes("kill worker"));
  });
});

suite("after a restart of the server", () => {
  test("an attempt in a worker goes on, and its end is reported", async (t) => {
    const { open, container, containers, calls, end, first } = await openWarm(t, { behaviour: "runs" });
    const startedAt = await (await first.start()).started;
    await first.close();
    const second = await open({ behaviour: "runs" });
    assert.deepEqual(await second.executor.list(), [SPEC.key]);
    const recorder = await second.start();
    assert.equal(await recorder.started, startedAt);
    end(container, 7);
    const exit = await recorder.ended;
    assert.deepEqual([exit.exitCode, exit.startedAt], [7, startedAt]);
    assert.equal(container.orders.length, 1);
    assert.ok(!calls.includes("create cold"));
    await second.executor.release(SPEC.key);
    assert.deepEqual(
      containers.map(({ name }) => name),
      [],
    );
  });

  test("an attempt that ended meanwhile is reported as it ended", async (t) => {
    const { open, container, end, first } = await openWarm(t, { behaviour: "runs" });
    await (
      await first.start()
    ).started;
    await first.close();
    end(container, 9);
    const second = await open({});
    const recorder = await second.start();
    assert.equal((await recorder.ended).exitCode, 9);
    assert.deepEqual(recorder.told, ["started", "ended"]);
  });

  test("an attempt whose worker had not taken its order starts cold, once", async (t) => {
    const { open, container, calls, first } = await openWarm(t, { behaviour: "hangs" });
    await first.start();
    await until(async () => container.orders.length === 1);
    await first.close();
    calls.length = 0;
    const second = await open({});
    const recorder = await second.start();
    assert.equal((await recorder.ended).exitCode, 6);
    const own = callsOf(calls);
    assert.ok(own.indexOf("kill worker") < own.indexOf("remove worker"), own.join(", "));
    assert.ok(own.indexOf("remove worker") < own.indexOf("create cold"), own.join(", "));
  });

  test("an attempt whose worker had taken its order, which nobody heard, is taken up", async (t) => {
    const { open, container, calls, end, first } = await openWarm(t, { behaviour: "hangs_late" });
    await first.start();
    await until(
      async () => container.orders.length === 1 && !existsSync(join(container.directory ?? "", "socket")),
    );
    await first.close();
    const second = await open({});
    const recorder = await second.start();
    await recorder.started;
    end(container, 3);
    assert.equal((await recorder.ended).exitCode, 3);
    assert.ok(!calls.includes("create cold"));
  });

  test("an attempt whose worker is gone is lost if it had taken its order, and starts cold if it had not", async (t) => {
    for (const behaviour of ["runs", "hangs_late", "hangs"] as const) {
      const { open, container, containers, first } = await openWarm(t, { behaviour });
      const started = await first.start();
      if (behaviour === "runs") await started.started;
      const isTaken = () => behaviour === "hangs" || !existsSync(join(container.directory ?? "", "socket"));
      await until(async () => container.orders.length === 1 && isTaken());
      await first.close();
      containers.length = 0;
      const second = await open({});
      const exit = await (await second.start()).ended;
      if (behaviour === "hangs") assert.equal(exit.exitCode, 6);
      else assert.deepEqual([exit.reason, exit.code], ["lost", "CONTAINER_REMOVED"], behaviour);
      await second.executor.release(SPEC.key);
      assert.deepEqual(await second.executor.list(), []);
    }
  });

  test("an attempt that had started cold goes on there, and no worker gets it, though one waits", async (t) => {
    for (const setting of ["one_shot", "fork"] as const) {
      const { open, containers } = await startEngine(t);
      const first = await open({ setting: "off" });
      assert.equal((await (await first.start()).ended).exitCode, 6);
      await first.close();
      const second = await open({ setting });
      await second.warmUp();
      assert.equal((await (await second.start()).ended).exitCode, 6, setting);
      assert.deepEqual(
        containers.flatMap(({ orders }) => orders),
        [],
      );
    }
  });

  test("of the machine an attempt is lost where its worker may have taken its order", async (t) => {
    const { open, container, containers, calls, data, first } = await openWarm(t, { behaviour: "hangs" });
    await first.start();
    await until(async () => container.orders.length === 1);
    await first.close();
    const file = join(data, "workers", "assignments", "journal");
    const journal = await readFile(file, "utf8");
    const changed = journal.replaceAll(/"boot":"[^"]*"/gu, '"boot":"an earlier one"');
    assert.notEqual(changed, journal);
    await writeFile(file, changed);
    container.state = { Status: "created", Running: false, ExitCode: 0 };
    const second = await open({});
    const exit = await (await second.start()).ended;
    assert.deepEqual([exit.reason, exit.code], ["lost", "MACHINE_RESTARTED"]);
    assert.ok(!calls.includes("create cold"), calls.join(", "));
    await second.executor.release(SPEC.key);
    assert.deepEqual([await second.executor.list(), containers], [[], []]);
  });

  test("idle workers are removed, with their directories", async (t) => {
    const { open, containers, data } = await openWarm(t);
    const directories = join(data, "workers", "directories");
    await mkdir(join(directories, "boxkite-worker-left"));
    // As one that was killed: it has removed nothing.
    await open({});
    assert.deepEqual(containers, []);
    assert.deepEqual(await readdir(directories), []);
  });
});
