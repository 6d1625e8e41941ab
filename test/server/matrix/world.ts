/** The server of the matrix: two projects with runs, deployed tasks and objects, each with a text of its own. */
import type { ClientSessionOptions } from "node:http2";
import type { TestContext } from "node:test";
import { createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import type { AuthMode } from "../../../src/domain/auth-mode.ts";
import type { SigningKeys } from "../../../src/orchestrator/signing-keys.ts";
import { STORE_FILE } from "../../../src/server/store-file.ts";
import { openSqliteStore } from "../../../src/store/sqlite/sqlite-store.ts";
import type { Store } from "../../../src/store/store.ts";
import { ActionsService } from "../../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { ActionPhase } from "../../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { ProjectService } from "../../../src/wire/gen/flyteidl2/project/project_service_pb.js";
import { TaskService } from "../../../src/wire/gen/flyteidl2/task/task_service_pb.js";
import { RunService } from "../../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { ROOT, taskSpec } from "../../../bench/helpers/requests.ts";
import { createFakeExecutor, type FakeAttempt, type FakeExecutor } from "../../helpers/fake-executor.ts";
import { startInProcess } from "../../helpers/in-process-server.ts";
import { signingKeysIn } from "../../helpers/signing-keys.ts";
import { until } from "../../helpers/until.ts";
import type { Place } from "./expected.ts";

/** From here connections come as from a container. */
export const CONTAINER = "127.0.0.7";

export const HOME: Place = { project: "alpha", domain: "development" };
export const PRODUCTION: Place = { project: "alpha", domain: "production" };
export const ELSEWHERE: Place = { project: "beta", domain: "development" };
/** No such project. */
export const NOWHERE: Place = { project: "gamma", domain: "development" };

export interface RunKey extends Place {
  readonly run: string;
}

/** What only those may see who may read the run, the task or the project. */
export const secretOf = {
  run: (run: string) => `secret-of-run-${run}.`,
  task: ({ project, domain }: Place) => `secret-of-task-${project}-${domain}.`,
  project: (project: string) => `secret-of-project-${project}.`,
};

export interface World {
  readonly url: string;
  readonly store: Store;
  readonly executor: FakeExecutor;
  readonly signingKeys: SigningKeys;
  /** Of an admin of everything; empty where nobody has to log in. */
  readonly firstToken: string;
  /** @default Connect */
  transport(show: Shown, protocol?: Protocol): Transport;
  /** Starts a run and resolves with its first attempt, once it is live. */
  start(key: RunKey, by?: Transport): Promise<FakeAttempt>;
  /** The first attempt of a new child of the root, once it is live. */
  startChild(key: RunKey, action: string, by: Transport): Promise<FakeAttempt>;
}

export type Protocol = "Connect" | "gRPC" | "gRPC-Web";

/** What a request shows of its sender. */
export interface Shown {
  readonly bearer?: string | undefined;
  /** Before the path of a call. */
  readonly path?: string | undefined;
  readonly from?: string | undefined;
}

export async function startWorld(t: TestContext, auth: AuthMode): Promise<World> {
  const executor = createFakeExecutor();
  const server = await startInProcess(t, executor, {
    maxParallel: 100_000,
    auth,
    reach: {
      listenAt: "127.0.0.1",
      accepts: () => true,
      classOf: (_, from) => (from === CONTAINER ? "bridge" : "loopback"),
    },
  });
  // As boxkite token does: beside the server, by a connection of its own.
  const store = openSqliteStore(`${server.directory}/${STORE_FILE}`);
  t.after(() => store.close());
  const transport = ({ bearer, path = "", from }: Shown, protocol: Protocol = "Connect"): Transport => {
    const show: Interceptor = (next) => (request) => {
      if (bearer !== undefined) request.header.set("authorization", `Bearer ${bearer}`);
      return next(request);
    };
    const options = { baseUrl: server.url + path, interceptors: [show] };
    const nodeOptions = from === undefined ? {} : { localAddress: from };
    switch (protocol) {
      case "Connect":
        return createConnectTransport({ ...options, httpVersion: "1.1", nodeOptions });
      case "gRPC":
        return createGrpcTransport({ ...options, nodeOptions: nodeOptions as ClientSessionOptions });
      case "gRPC-Web":
        return createGrpcWebTransport({ ...options, httpVersion: "1.1", nodeOptions });
    }
  };
  const { firstToken } = server;
  const operator = transport({ bearer: firstToken === "" ? undefined : firstToken });
  const live = async (key: RunKey, action: string): Promise<FakeAttempt> => {
    const runs = createClient(RunService, operator);
    // Recorded after it has started.
    await until(async () => {
      const { details } = await runs.getActionDetails({ actionId: actionIdOf(key, action) });
      return details?.status?.phase === ActionPhase.RUNNING;
    });
    const found = executor.started.find(({ spec }) => spec.key.run === key.run && spec.key.action === action);
    if (found === undefined) throw new Error(`no attempt of ${key.run} was started`);
    return found;
  };
  return {
    url: server.url,
    store,
    executor,
    signingKeys: await signingKeysIn(server.directory),
    firstToken,
    transport,
    start: async (key, by = operator) => {
      await createClient(RunService, by).createRun({
        id: { case: "runId", value: runIdOf(key) },
        task: { case: "taskSpec", value: taskSpec({ command: ["true"], name: secretOf.run(key.run) }) },
      });
      return live(key, ROOT);
    },
    startChild: async (key, action, by) => {
      await createClient(ActionsService, by).enqueue(childOf(key, action));
      return live(key, action);
    },
  };
}

/** Projects, and in each place a deployed task. */
export async function furnish(world: World): Promise<void> {
  const operator = world.transport({ bearer: world.firstToken === "" ? undefined : world.firstToken });
  const projects = createClient(ProjectService, operator);
  for (const id of ["alpha", "beta"])
    await projects.createProject({ project: { id, description: secretOf.project(id) } });
  for (const place of [HOME, PRODUCTION, ELSEWHERE])
    await createClient(TaskService, operator).deployTask({
      taskId: { ...place, name: "t", version: "1" },
      spec: taskSpec({ command: ["true"], name: secretOf.task(place) }),
    });
}

export function projectIdOf({ project, domain }: Place) {
  return { name: project, domain };
}

export function runIdOf({ project, domain, run }: RunKey) {
  return { project, domain, name: run };
}

export function actionIdOf(key: RunKey, action: string) {
  return { run: runIdOf(key), name: action };
}

export function childOf(key: RunKey, action: string) {
  const base = `s3://boxkite/${key.project}/${key.domain}/runs/${key.run}`;
  return {
    action: {
      actionId: actionIdOf(key, action),
      parentActionName: ROOT,
      inputUri: `${base}/${action}/inputs.pb`,
      runOutputBase: base,
      spec: { case: "task", value: { spec: taskSpec({ command: ["true"] }) } },
    },
  } as const;
}
