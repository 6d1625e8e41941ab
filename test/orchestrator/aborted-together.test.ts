/** The end of an attempt that is aborted: its log is closed and its exit code kept, however many end at once. */
import assert from "node:assert/strict";
import { readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connectEngine } from "../../src/containers/api.ts";
import { NO_RETRIES } from "../../src/domain/action.ts";
import { EVERYONE, LOCAL } from "../../src/domain/principal.ts";
import { NO_SETTINGS } from "../../src/domain/run.ts";
import { createContainerExecutor } from "../../src/executors/container/container-executor.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { createAttemptLogs } from "../../src/logs/attempt-logs.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { ANSWERED, startFakeEngine, status } from "../executors/fake-engine.ts";
import { temporaryDirectory } from "../helpers/server.ts";
import { until } from "../helpers/until.ts";
import { makeOrchestrator, newTask } from "./subject.ts";

/** An engine whose containers run until they are stopped, and then exit with 143. */
async function startStoppable(t: TestContext) {
  const containers = new Map<string, "created" | "running" | "exited">();
  const times = { StartedAt: "2026-01-02T03:04:05Z", FinishedAt: "2026-01-02T03:04:06Z" };
  const engine = await startFakeEngine(t, ({ method, path, query }, response) => {
    const [, kind, name = "", verb] = path.split("/");
    const answer = (code: number, body?: unknown) => {
      response.writeHead(code).end(body === undefined ? undefined : JSON.stringify(body));
      return ANSWERED;
    };
    if (path === "/info") return { Architecture: "x86_64", NCPU: 4, CgroupVersion: "2" };
    if (path === "/events") return (response.flushHeaders(), ANSWERED);
    if (kind === "images") return { Id: "i1", Config: {} };
    if (path === "/containers/create") {
      containers.set(query.get("name") ?? "", "created");
      return answer(201, { Id: query.get("name") });
    }
    if (path === "/containers/json") return [];
    const state = containers.get(name);
    if (state === undefined) return undefined;
    if (method === "DELETE") return (containers.delete(name), answer(204));
    if (verb === "start") return (containers.set(name, "running"), answer(204));
    if (verb === "stop") return (containers.set(name, "exited"), answer(204));
    if (verb === "logs") return (response.end(), ANSWERED);
    if (verb === "attach") return status(response, 400, "no attaching here");
    const State = { Status: state, Running: state === "running", ExitCode: 143, OOMKilled: false, ...times };
    return { Id: name, State, Config: { Labels: {} } };
  });
  return { engine, containers };
}

test("six attempts aborted together: each log ends, each exit code is kept, no file stays open", async (t) => {
  const { engine, containers } = await startStoppable(t);
  const api = await connectEngine({ kind: "unix", socketPath: engine.socketPath });
  const executor = createContainerExecutor({
    api,
    info: await api.info(),
    instance: "i",
    log: silentLogger,
    clock: systemClock,
    endpointHost: () => "h",
    registry: {
      resolve: () => Promise.reject(new Error("not asked")),
      describe: () => Promise.reject(new Error("not asked")),
      requireLayers: async () => {},
      requireAllowed: async () => {},
    },
    credentials: async () => undefined,
  });
  const directory = await temporaryDirectory(t);
  const store = openSqliteStore(":memory:");
  const logs = createAttemptLogs(join(directory, "logs"));
  const image = { reference: "image:1", pinned: "image:1", digest: "none", source: "host" } as const;
  const orchestrator = makeOrchestrator(
    store,
    { ...executor, resolveImage: async () => image },
    join(directory, "logs"),
    { maxParallel: 6, written: { kind: "nothing" }, logs },
  );
  await orchestrator.start();
  t.after(async () => {
    await orchestrator.stop({ endAttempts: false });
    await store.close();
    api.close();
  });
  const keys = Array.from({ length: 6 }, (_, i) => ({
    project: "p",
    domain: "d",
    run: `r${i}`,
    action: "a0",
  }));
  for (const key of keys) {
    const run = { key, spec: new Uint8Array(), settings: NO_SETTINGS, baseUri: "s3://b/r", source: "" };
    await orchestrator.createRun(
      { ...run, createdAt: systemClock.now(), createdBy: LOCAL, authority: EVERYONE },
      newTask("a0", undefined, { policy: NO_RETRIES }, systemClock.now()),
    );
  }
  const reached = async (phase: string) => {
    const actions = await Promise.all(keys.map((key) => store.getAction(key)));
    return actions.every((action) => action?.state.phase === phase);
  };
  await until(() => reached("running"));
  const following = keys.map(async (key) => {
    for await (const _ of logs.read({ ...key, attempt: 1 }, { follow: true, isOver: async () => true }));
  });
  await Promise.all(keys.map((key) => orchestrator.abort(key, "enough", LOCAL)));
  await Promise.all(following);
  await until(async () => containers.size === 0);
  assert.ok(await reached("aborted"));
  for (const key of keys) {
    const action = await store.getAction(key);
    assert.ok(action);
    const [attempt] = await store.listAttempts(action);
    assert.deepEqual([attempt?.outcome, attempt?.exitCode], ["aborted", 143]);
  }
  assert.deepEqual(await openFilesBelow(directory), []);
});

async function openFilesBelow(directory: string): Promise<string[]> {
  const descriptors = await readdir("/proc/self/fd").catch(() => []);
  const files = await Promise.all(
    descriptors.map((descriptor) => readlink(`/proc/self/fd/${descriptor}`).catch(() => "")),
  );
  return files.filter((file) => file.startsWith(directory));
}
