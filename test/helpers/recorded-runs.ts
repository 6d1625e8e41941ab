/** A server whose runs end as a test says, in images whose contents the test makes up; and the command line for it. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { SCOPE, taskSpec } from "../../bench/helpers/requests.ts";
import type { AttemptStart } from "../../src/domain/attempt-start.ts";
import type { ImageFacts } from "../../src/domain/image-facts.ts";
import type { ResolvedImage } from "../../src/domain/image.ts";
import { factsKey } from "../../src/images/check/facts-cache.ts";
import { STORE_FILE } from "../../src/server/store-file.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import {
  ErrorDocumentSchema,
  ExecutionError_ErrorKind,
} from "../../src/wire/gen/flyteidl2/core/execution_pb.js";
import { ResourcesSchema, Resources_ResourceName } from "../../src/wire/gen/flyteidl2/core/tasks_pb.js";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { asAttempt } from "./attempt-objects.ts";
import { createFakeExecutor, type FakeAttempt } from "./fake-executor.ts";
import { startInProcess } from "./in-process-server.ts";
import { BOXKITE, clientConfig, temporaryDirectory } from "./server.ts";
import { runProgram, type ProgramResult } from "./stock-sdk.ts";
import { until } from "./until.ts";

export interface RunOptions {
  readonly image?: string;
  readonly task?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly inputs?: Readonly<Record<string, number>>;
  readonly bundle?: string;
  readonly cpu?: string;
  /** A child action with this task, which fails where its run does. */
  readonly child?: string;
  /** The message of its error; it succeeds without one. */
  readonly fails?: string;
}

export interface RecordedRuns {
  readonly url: string;
  readonly start: AttemptStart;
  /** What a reference is pinned to from now on. */
  pin(reference: string, digest: string, facts?: ImageFacts): Promise<void>;
  /** Starts a run and ends it. */
  run(name: string, options?: RunOptions): Promise<void>;
  boxkite(...args: string[]): Promise<ProgramResult>;
}

/** Of the engine, which is not that of the machine. */
const PLATFORM = { os: "linux", architecture: "riscv64" };

export async function recordedRuns(t: TestContext): Promise<RecordedRuns> {
  const start: AttemptStart = {
    engine: "podman 4.3.1",
    adaptations: [{ kind: "interpreter", path: "/opt/venv/bin/python" }],
    interpreter: { path: "/opt/venv/bin/python", version: "3.11.7" },
    sdk: { name: "flyte", version: "2.12.1" },
  };
  const images = new Map<string, ResolvedImage>();
  const fake = createFakeExecutor();
  const executor: typeof fake = {
    ...fake,
    platform: PLATFORM,
    resolveImage: async (reference) =>
      images.get(reference) ?? { reference, pinned: reference, digest: "none", source: "host" },
    start: async (spec, logs, observer) => {
      observer.prepared(start);
      await fake.start(spec, logs, observer);
    },
  };
  const server = await startInProcess(t, executor);
  const port = Number(new URL(server.url).port);
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, "config.yaml"), clientConfig(port));
  const runs = createClient(RunService, server.transport);
  const actions = createClient(ActionsService, server.transport);
  const attemptOf = async (run: string, action: string): Promise<FakeAttempt> => {
    const find = () => fake.started.find(({ spec: { key } }) => key.run === run && key.action === action);
    await until(async () => find() !== undefined);
    return find() as FakeAttempt;
  };
  const end = async (run: string, action: string, error: string | undefined) => {
    const attempt = await attemptOf(run, action);
    const prefix = `s3://boxkite/${SCOPE.project}/${SCOPE.domain}/runs/${run}/${action}/1`;
    const [file, body] =
      error === undefined
        ? ["outputs.pb", ""]
        : ["error.pb", toBinary(ErrorDocumentSchema, documentOf(error))];
    await asAttempt(server.url, attempt, "PUT", `${prefix}/${file}`, body as string);
    attempt.observer.ended({ reason: "exited", exitCode: 0, outOfMemory: false });
    const actionId = { run: { org: "", ...SCOPE, name: run }, name: action };
    await until(async () => {
      const { details } = await runs.getActionDetails({ actionId });
      return details?.status?.endTime !== undefined;
    });
  };
  return {
    url: server.url,
    start,
    pin: async (reference, digest, facts) => {
      images.set(reference, { reference, pinned: `${reference}@${digest}`, digest, source: "registry" });
      if (facts === undefined) return;
      const store = openSqliteStore(join(server.directory, STORE_FILE));
      await store.recordImageFacts(factsKey(digest, PLATFORM), facts, Date.now());
      await store.close();
    },
    run: async (name, options = {}) => {
      const { inputs = {}, child, fails, labels = {} } = options;
      await runs.createRun({
        id: { case: "runId", value: { org: "", ...SCOPE, name } },
        task: { case: "taskSpec", value: specOf(options) },
        runSpec: { labels: { values: labels } },
        inputWrapper: {
          case: "inputs",
          value: {
            literals: Object.entries(inputs).map(([key, value]) => ({ name: key, value: integer(value) })),
          },
        },
      });
      await attemptOf(name, "a0");
      if (child !== undefined) {
        const base = `s3://boxkite/${SCOPE.project}/${SCOPE.domain}/runs/${name}`;
        await actions.enqueue({
          action: {
            actionId: { run: { org: "", ...SCOPE, name }, name: "c1" },
            parentActionName: "a0",
            inputUri: `${base}/c1/inputs.pb`,
            runOutputBase: base,
            spec: { case: "task", value: { spec: specOf({ ...options, task: child }) } },
          },
        });
        await end(name, "c1", fails);
      }
      await end(name, "a0", fails);
    },
    boxkite: (...args) => runProgram(process.execPath, [BOXKITE, ...args], { cwd: directory }),
  };
}

function integer(value: number) {
  const scalar = { value: { case: "integer", value: BigInt(value) } } as const;
  return { value: { case: "scalar", value: { value: { case: "primitive", value: scalar } } } } as const;
}

function specOf({ image = "team/base:1", task = "flow.main", env = {}, bundle, cpu }: RunOptions) {
  const spec = taskSpec({ command: [], image, name: task });
  const target = spec.taskTemplate?.target;
  if (target?.case !== "container") throw new Error("the task has no container");
  for (const [key, value] of Object.entries(env))
    target.value.env.push({ $typeName: "flyteidl2.core.KeyValuePair", key, value });
  if (bundle !== undefined) target.value.args.push("--tgz", bundle);
  if (cpu !== undefined)
    target.value.resources = create(ResourcesSchema, {
      requests: [{ name: Resources_ResourceName.CPU, value: cpu }],
    });
  return spec;
}

function documentOf(message: string) {
  return create(ErrorDocumentSchema, {
    error: { code: "ValueError", message, origin: ExecutionError_ErrorKind.USER },
  });
}
