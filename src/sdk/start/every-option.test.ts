import assert from "node:assert/strict";
import { test } from "node:test";
import { create, equals } from "@bufbuild/protobuf";
import { encodeRunSpec } from "./run-spec.ts";
import { startRemoteRun } from "./remote-run.ts";
import type { InitializedConfig } from "../authoring/config.ts";
import { overrideSpec } from "../authoring/override-spec.ts";
import type {
  CachePolicy,
  ExecutionOptions,
  Resources,
  RetryPolicy,
  ReusePolicy,
  SecretRequest,
  Timeouts,
} from "../authoring/options.ts";
import type { RunSettings } from "../authoring/run.ts";
import { definitionOf } from "../authoring/task.ts";
import { encodeTaskSpec } from "../authoring/task-spec.ts";
import * as flyte from "../index.ts";
import { RunSpecSchema } from "../../wire/gen/flyteidl2/task/run_pb.js";
import { TaskSpecSchema, type TaskSpec } from "../../wire/gen/flyteidl2/task/task_definition_pb.js";

const taskOptions = {
  resources: {
    cpu: 2,
    memory: "1Gi",
    gpu: 1,
    disk: "1Gi",
    sharedMemory: "auto",
  } satisfies Required<Resources>,
  env: { A: "1" },
  secrets: [{ key: "k", group: "g", envVar: "E", mount: true } satisfies Required<SecretRequest>],
  cache: {
    version: "1",
    serialize: true,
    ignoredInputs: ["a"],
    salt: "s",
    maxAge: "1h",
  } satisfies Required<CachePolicy>,
  retries: {
    count: 3,
    backoff: { base: "1s", factor: 3, cap: "1m" },
  } satisfies Required<RetryPolicy>,
  timeout: { maxRuntime: "1s", maxQueuedTime: "2s", deadline: "3s" } satisfies Required<Timeouts>,
  interruptible: true,
  queue: "q",
  podTemplate: "debug",
} satisfies Required<ExecutionOptions>;

const reusable: Required<ReusePolicy> = {
  replicas: [1, 2],
  concurrency: 2,
  idleTtl: "1m",
  scaledownTtl: "2m",
  scope: "run",
};

/** What a value needs to be one at all; the others are left out one by one. */
const REQUIRED = new Set(["retries.count", "retries.backoff.base", "secrets.0.key"]);

/** The options without one setting, for every setting at any depth. */
function* without(options: object, path = ""): Iterable<readonly [path: string, rest: object]> {
  for (const [key, value] of Object.entries(options) as [string, unknown][]) {
    const { [key]: _, ...rest } = options as Record<string, unknown>;
    if (!REQUIRED.has(path + key) && !Array.isArray(options)) yield [path + key, rest];
    if (typeof value !== "object" || value === null) continue;
    for (const [inner, changed] of without(value, `${path}${key}.`)) {
      const copy = { ...options, [key]: changed };
      yield [inner, Array.isArray(options) ? Object.values(copy) : copy];
    }
  }
}

const settings = {
  org: "",
  project: "p",
  domain: "d",
  version: "1",
  images: { every: "image:1" },
  imageCache: "",
  bundle: undefined,
  rootDir: import.meta.dirname,
};

function specOf(
  options: ExecutionOptions,
  reuse?: ReusePolicy,
  description?: string,
  warmStart?: flyte.WarmStart,
): TaskSpec {
  const env = new flyte.TaskEnvironment({
    name: "every",
    image: "image:1",
    ...options,
    ...(reuse && { reusable: reuse }),
    ...(warmStart && { warmStart }),
    ...(description !== undefined && { description }),
  });
  const task = env.task({ name: "task", module: import.meta.filename }, async () => undefined);
  return encodeTaskSpec(definitionOf(task), settings);
}

/** The queue is sent with the run or with the call, not in the specification of the task. */
const NOT_IN_SPEC = new Set(["queue"]);
/** Without them another one decides, or they are the default. */
const HIDDEN = new Set(["cache.salt"]);

test("every option of a task and its environment is sent to the server", () => {
  const paths: string[] = [];
  const all = specOf(taskOptions, reusable, "text");
  for (const [path, rest] of without(taskOptions)) {
    if (NOT_IN_SPEC.has(path) || HIDDEN.has(path)) continue;
    paths.push(path);
    assert.ok(!equals(TaskSpecSchema, specOf(rest, reusable, "text"), all), path);
    assert.ok(
      !equals(TaskSpecSchema, overrideSpec(create(TaskSpecSchema, bare()), rest), overridden()),
      `override of ${path}`,
    );
  }
  assert.ok(paths.includes("retries.backoff.cap") && paths.includes("secrets.0.mount"));
  for (const [path, rest] of without(reusable))
    assert.ok(!equals(TaskSpecSchema, specOf(taskOptions, rest as ReusePolicy, "text"), all), path);
  assert.ok(!equals(TaskSpecSchema, specOf(taskOptions, reusable), all), "description");
  for (const warmStart of ["off", "one-shot", "fork"] as const)
    assert.ok(!equals(TaskSpecSchema, specOf(taskOptions, reusable, "text", warmStart), all), warmStart);
  const salted = specOf({ cache: { salt: "s" } });
  assert.ok(!equals(TaskSpecSchema, salted, specOf({ cache: {} })), "cache.salt");
});

function bare(): Parameters<typeof create<typeof TaskSpecSchema>>[1] {
  return { taskTemplate: { metadata: {}, target: { case: "container", value: { image: "i" } } } };
}

function overridden(): TaskSpec {
  return overrideSpec(create(TaskSpecSchema, bare()), taskOptions);
}

test("an override replaces resources and secrets as a whole", () => {
  const before = overridden();
  const after = overrideSpec(before, { resources: { cpu: 1 }, secrets: [] }).taskTemplate;
  assert.equal(after?.extendedResources, undefined);
  assert.deepEqual(after?.securityContext?.secrets, []);
});

const runSettings: Required<RunSettings> = {
  name: "n",
  project: "p",
  domain: "d",
  env: { A: "1" },
  labels: { a: "1" },
  annotations: { a: "1" },
  customContext: { a: "1" },
  interruptible: true,
  queue: "q",
  maxActionConcurrency: 1,
  overwriteCache: true,
  cacheLookupScope: "project-domain",
  rawDataPath: "s3://bucket/prefix",
};

/** These are not in the settings of the run: three are its identifier, and one goes with its inputs. */
const NOT_IN_RUN_SPEC = new Set(["name", "project", "domain", "customContext"]);

test("every setting of a run is sent to the server", () => {
  const all = encodeRunSpec(runSettings);
  for (const name of Object.keys(runSettings) as (keyof RunSettings)[]) {
    const { [name]: _, ...rest } = runSettings;
    assert.equal(equals(RunSpecSchema, encodeRunSpec(rest), all), NOT_IN_RUN_SPEC.has(name), name);
  }
});

test("what only a local run can do is refused on a server, before anything is sent", async () => {
  const env = new flyte.TaskEnvironment({ name: "every", image: "image:1" });
  const task = definitionOf(env.task({ name: "task" }, async () => undefined));
  const nowhere = {} as InitializedConfig;
  for (const [name, options] of Object.entries({
    signals: { signals: { go: true } },
    remoteTasks: { remoteTasks: {} },
  })) {
    await assert.rejects(startRemoteRun(task, {}, options, nowhere), {
      code: "INVALID_ARGUMENT",
      message: new RegExp(`^${name} is an option of local runs`),
    });
  }
});
