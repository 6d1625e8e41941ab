/** RunService/WatchRuns over real connections: what a client sees of runs that are made, go on and end. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Code, ConnectError, createClient, type Client, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ProjectKey } from "../../src/domain/ids.ts";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { ProjectService } from "../../src/wire/gen/flyteidl2/project/project_service_pb.js";
import {
  RunService,
  type WatchRunsRequestSchema,
} from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { SCOPE, taskSpec } from "../../bench/helpers/requests.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";

type Runs = Client<typeof RunService>;
interface RunOptions {
  readonly scope?: ProjectKey;
  readonly task?: string;
}
type Target = MessageInitShape<typeof WatchRunsRequestSchema>["target"];

const projectId = { name: SCOPE.project, domain: SCOPE.domain };
const project: Target = { case: "projectId", value: projectId };

async function createRun(
  runs: Runs,
  name: string,
  { scope = SCOPE, task = "bench.task" }: RunOptions = {},
): Promise<void> {
  await runs.createRun({
    id: { case: "runId", value: { ...scope, name } },
    task: { case: "taskSpec", value: taskSpec({ command: ["true"], name: task }) },
    runSpec: { labels: { values: { of: name } } },
  });
}

/** A watch, read one message at a time: `name phase` of each run in it. */
async function watch(t: TestContext, runs: Runs, target: Target = { case: undefined }) {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const messages = runs.watchRuns({ target }, { signal: stop.signal })[Symbol.asyncIterator]();
  const next = async (): Promise<string[]> => {
    const { value, done } = await messages.next();
    assert.ok(done !== true, "the watch has ended");
    return value.runs.map(({ action, labels }) => {
      const name = action?.id?.run?.name ?? "";
      assert.deepEqual(labels, { of: name });
      return `${name} ${ActionPhase[action?.status?.phase ?? 0]}`;
    });
  };
  const present = await next();
  return {
    present,
    /** Reads until a run is seen like this; gives all that was seen. */
    until: async (last: string): Promise<string[]> => {
      const seen: string[] = [];
      while (seen.at(-1) !== last) seen.push(...(await next()));
      return seen;
    },
  };
}

const names = (seen: readonly string[]) => [...new Set(seen.map((each) => each.slice(0, each.indexOf(" "))))];

test("a run is seen when it is made, when it changes and when it ends, in every protocol", async (t) => {
  const executor = createFakeExecutor();
  const { transport, url: baseUrl } = await startInProcess(t, executor);
  const runs = createClient(RunService, transport);
  const transports: Transport[] = [
    transport,
    createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
    createConnectTransport({ baseUrl, httpVersion: "2" }),
    createGrpcTransport({ baseUrl }),
    createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  ];
  const watches = await Promise.all(
    transports.map((each) => watch(t, createClient(RunService, each), project)),
  );
  for (const { present } of watches) assert.deepEqual(present, []);
  await createRun(runs, "r1");
  for (const each of watches) await each.until("r1 RUNNING");
  executor.end("a0", { exitCode: 1 });
  for (const each of watches) assert.deepEqual(names(await each.until("r1 FAILED")), ["r1"]);
  await createRun(runs, "r2");
  for (const each of watches) assert.deepEqual(names(await each.until("r2 RUNNING")), ["r2"]);
});

test("a watcher that comes late first gets the runs that there are, as they are", async (t) => {
  const executor = createFakeExecutor();
  const { transport } = await startInProcess(t, executor);
  const runs = createClient(RunService, transport);
  const early = await watch(t, runs);
  await createRun(runs, "r1");
  await early.until("r1 RUNNING");
  await runs.abortRun({ runId: { ...SCOPE, name: "r1" } });
  await early.until("r1 ABORTED");
  await createRun(runs, "r2");
  await early.until("r2 RUNNING");
  const late = await watch(t, runs);
  assert.deepEqual(late.present.toSorted(), ["r1 ABORTED", "r2 RUNNING"]);
  executor.end("a0", { exitCode: 1 });
  for (const each of [early, late]) assert.deepEqual(names(await each.until("r2 FAILED")), ["r2"]);
});

test("a watch shows the runs of its project and domain, or of its task, and no others", async (t) => {
  const { transport } = await startInProcess(t, createFakeExecutor(), { maxParallel: 100 });
  const runs = createClient(RunService, transport);
  const other = { project: "other", domain: "development" };
  await createClient(ProjectService, transport).createProject({ project: { id: "other", name: "other" } });
  const taskId = { ...SCOPE, name: "bench.wanted", version: "1" };
  const targets: readonly (readonly [Target, readonly string[]])[] = [
    [{ case: undefined }, ["mine", "other", "staging", "wanted", "last"]],
    [{ case: "org", value: "any" }, ["mine", "other", "staging", "wanted", "last"]],
    [project, ["mine", "wanted", "last"]],
    [{ case: "taskId", value: taskId }, ["wanted", "last"]],
    [{ case: "taskId", value: { ...taskId, version: "2" } }, []],
  ];
  const make = async () => {
    await createRun(runs, "mine");
    await createRun(runs, "other", { scope: other });
    await createRun(runs, "staging", { scope: { ...SCOPE, domain: "staging" } });
    await createRun(runs, "wanted", { task: taskId.name });
    await createRun(runs, "last", { task: taskId.name });
  };
  const before = await Promise.all(targets.map(([target]) => watch(t, runs, target)));
  await make();
  for (const [index, [, expected]] of targets.entries())
    if (expected.length > 0)
      assert.deepEqual(names((await before[index]?.until("last RUNNING")) ?? []), expected);
  for (const [target, expected] of targets)
    assert.deepEqual(names((await watch(t, runs, target)).present).toSorted(), expected.toSorted());
});

test("what a watch cannot do is refused by name", async (t) => {
  const { transport } = await startInProcess(t, createFakeExecutor());
  const runs = createClient(RunService, transport);
  const refused: readonly (readonly [Target, Code, RegExp])[] = [
    [{ case: "clusterId", value: { name: "c" } }, Code.InvalidArgument, /cannot be watched by cluster/u],
    [{ case: "projectId", value: { ...projectId, name: "nope" } }, Code.NotFound, /no project "nope"/u],
    [{ case: "projectId", value: { name: SCOPE.project } }, Code.InvalidArgument, /domain ""/u],
    [
      { case: "taskId", value: { ...SCOPE, project: "nope", name: "t", version: "1" } },
      Code.NotFound,
      /no project "nope"/u,
    ],
  ];
  for (const [target, code, message] of refused)
    await assert.rejects(watch(t, runs, target), (error) => {
      assert.ok(error instanceof ConnectError);
      assert.equal(error.code, code);
      assert.match(error.rawMessage, message);
      return true;
    });
});
