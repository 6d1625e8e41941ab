/**
 * Each field that wire/support-table.ts calls enforced makes a difference: set to each value in an otherwise
 * ordinary message, something changes where the field acts.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ENGINE_INFO } from "../../test/helpers/engine-info.ts";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { assertAuthorsWords } from "../../test/helpers/authors-words.ts";
import { EVERYONE } from "../domain/principal.ts";
import { newTaskState } from "../domain/initial-state.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import { takes } from "../domain/resources.ts";
import type { RunRecord } from "../domain/run.ts";
import { containerBody } from "../executors/container/container-spec.ts";
import { makeAttemptSpec } from "../orchestrator/attempt-spec.ts";
import { NamedLiteralSchema } from "../wire/gen/flyteidl2/task/common_pb.js";
import { ActionPhase } from "../wire/gen/flyteidl2/common/phase_pb.js";
import { RelationType } from "../wire/gen/flyteidl2/common/run_pb.js";
import {
  ExtendedResourcesSchema,
  ReusePolicy_Scope,
  ReusePolicySchema,
  Resources_ResourceName as Resource,
  type SharedMemorySchema,
} from "../wire/gen/flyteidl2/core/tasks_pb.js";
import { HttpMethod } from "../wire/gen/flyteidl2/notification/definition_pb.js";
import { CacheLookupScope, RunSpecSchema } from "../wire/gen/flyteidl2/task/run_pb.js";
import { TaskSpecSchema } from "../wire/gen/flyteidl2/task/task_definition_pb.js";
import { hashInputs } from "../wire/literals/hash.ts";
import { SUPPORT } from "../wire/support-table.ts";
import { cacheUseOf, decodeRunSpec, decodeTaskSpec, rootCacheKey } from "../wire/task-spec.ts";

type TaskInit = MessageInitShape<typeof TaskSpecSchema>;
type RunInit = MessageInitShape<typeof RunSpecSchema>;

const SCOPE = { project: "p", domain: "development" };
const seconds = (count: number) => ({ seconds: BigInt(count) });

/** What an attempt of such a task in such a run comes to, by the place where it acts. */
function effects(task: TaskInit, run: RunInit) {
  const settings = decodeRunSpec(create(RunSpecSchema, run), SCOPE);
  const { definition } = decodeTaskSpec(create(TaskSpecSchema, task));
  const inputs = hashInputs([create(NamedLiteralSchema, { name: "x" })], definition.cache?.ignoredInputs);
  const cacheKey = rootCacheKey(definition, inputs);
  const key = { ...SCOPE, run: "r", action: "a0" };
  const attempt = makeAttemptSpec({
    run: {
      key,
      settings,
      baseUri: "s3://boxkite/p/development/runs/r",
      createdAt: 0,
      authority: EVERYONE,
    } as unknown as RunRecord,
    action: { key, inputUri: "s3://i", state: { ...newTaskState(0), attempt: 1 } } as unknown as ActionRecord,
    definition,
    image: { reference: definition.image, pinned: definition.image, digest: "", source: "engine" },
    access: {},
  });
  const info = { ...ENGINE_INFO, cpus: 64, memoryBytes: 2 ** 40, ociRuntimes: [] };
  const policy = { settings: {}, templates: new Map([["debug", { addCapabilities: ["SYS_PTRACE"] }]]) };
  const engine = { instance: "i", engine: "docker" as const, info, extraHosts: [], policy };
  return {
    container: containerBody(attempt, engine),
    admission: takes(definition),
    /** Retries and time limits: domain/transition.ts. */
    policy: definition.policy,
    /** Which workers an attempt may start in: executors/workers. */
    reuse: attempt.reuse,
    cache: cacheUseOf(definition, settings, cacheKey),
    /** The task's columns in the lists, and where runs start. */
    listed: [definition.name, definition.version, definition.isEntrypoint],
    /** What the run's credentials open. */
    reads: definition.reads,
    /** Queues, concurrency, recovery, notifications: test/orchestrator and test/e2e have each. */
    settings,
  };
}

type Effects = ReturnType<typeof effects>;

type Places = readonly (keyof Effects)[];

interface Case {
  /** The ordinary message, without the field, and the same with each value. */
  readonly without: readonly [TaskInit, RunInit];
  readonly with: readonly (readonly [TaskInit, RunInit])[];
  readonly at: Places;
}

const SERVER_TEST = "test/server/request-fields.test.ts";

const CACHED = { discoverable: true, discoveryVersion: "v1" };
const container = (more: object): TaskInit => ({
  taskTemplate: {
    id: { name: "env.task", version: "1" },
    type: "python",
    target: { case: "container", value: { image: "app:1", args: ["a0"], ...more } },
  },
});
const PLAIN = container({});
const task = (template: object): TaskInit => ({ taskTemplate: { ...PLAIN.taskTemplate, ...template } });
const metadata = (more: object): TaskInit => task({ metadata: more });

function ofTask(at: keyof Effects | Places, values: readonly TaskInit[], without: TaskInit = PLAIN): Case {
  return { without: [without, {}], with: values.map((value) => [value, {}]), at: [at].flat() };
}
function ofRun(
  at: keyof Effects,
  values: readonly RunInit[],
  without: RunInit = {},
  of: TaskInit = PLAIN,
): Case {
  return { without: [of, without], with: values.map((value) => [of, value]), at: [at] };
}

const AMOUNTS: readonly [Resource, readonly string[]][] = [
  [Resource.CPU, ["1", "500m", ".5", "1e0", "2"]],
  [Resource.MEMORY, ["1Gi", "250Mi", "1G", "1e9", "8388608"]],
  [Resource.GPU, ["1", "8"]],
];
const entries = AMOUNTS.flatMap(([name, values]) => values.map((value) => ({ name, value })));
const OTHER = [
  { name: Resource.CPU, value: "4" },
  { name: Resource.MEMORY, value: "16Gi" },
  { name: Resource.GPU, value: "16" },
];
const withRetries = (backoff?: object) => metadata({ retries: { retries: 3, ...(backoff && { backoff }) } });
const pairs = [
  { key: "A", value: "" },
  { key: "b.c-d", value: "x=y\n" },
  { key: "LANG", value: "ü" },
];
const LIMITED = { resources: { limits: [{ name: Resource.MEMORY, value: "1Gi" }] } };
const shared = (more: MessageInitShape<typeof SharedMemorySchema>): TaskInit => {
  const extendedResources = create(ExtendedResourcesSchema, { sharedMemory: more });
  return { taskTemplate: { ...container(LIMITED).taskTemplate, extendedResources } };
};
const webhook = (more: object, phases = [ActionPhase.SUCCEEDED]): RunInit => {
  const value = { webhook: { url: "http://h/", bodyTemplate: "b", ...more } };
  const rule = { onPhases: phases, delivery: { case: "deliveryTemplate" as const, value } };
  return { notificationSettings: { case: "notificationRules", value: { rules: [rule] } } };
};
const related = (type: RelationType, name = "earlier", rerun: string[] = []): RunInit => ({
  relation: { relationType: type, relatedTo: { ...SCOPE, name } },
  recover: { forceRerunActions: rerun },
});
const CACHED_TASK = metadata(CACHED);
const REUSED = {
  minReplicas: 1,
  maxReplicas: 2,
  concurrency: 1,
  idleTtl: seconds(60),
  scaledownTtl: seconds(60),
};
const reused = (more: Partial<typeof REUSED> & { readonly scope?: ReusePolicy_Scope }) => [
  task({ reusePolicy: create(ReusePolicySchema, { ...REUSED, ...more }) }),
];
const [REUSED_TASK = PLAIN] = reused({});

const SEEN: Readonly<Record<string, Case>> = {
  "RunSpec.overwrite_cache": ofRun("cache", [{ overwriteCache: true }], {}, CACHED_TASK),
  "RunSpec.queue": ofRun("settings", [{ queue: "gpu" }]),
  "RunSpec.max_action_concurrency": ofRun("settings", [{ maxActionConcurrency: 1 }]),
  "Labels.values": ofRun("container", [
    { labels: { values: { team: "a" } } },
    { labels: { values: { "": "" } } },
  ]),
  "Envs.values": ofRun(
    "container",
    pairs.map((pair) => ({ envs: { values: [pair] } })),
  ),
  "RawDataStorage.raw_data_prefix": ofRun(
    "container",
    [{ rawDataStorage: { rawDataPrefix: "s3://boxkite/p/development/raw" } }],
    {},
    container({ args: ["{{.rawOutputDataPrefix}}"] }),
  ),
  "Relation.related_to": ofRun(
    "settings",
    [related(RelationType.RECOVER, "other"), related(RelationType.SPAWN, "other")],
    related(RelationType.RECOVER),
  ),
  "Relation.relation_type": ofRun("settings", [related(RelationType.RECOVER), related(RelationType.SPAWN)]),
  "Recover.force_rerun_actions": ofRun(
    "settings",
    [related(RelationType.RECOVER, "earlier", ["a1"])],
    related(RelationType.RECOVER),
  ),
  "InlineRule.on_phases": ofRun(
    "settings",
    [[ActionPhase.FAILED], [ActionPhase.ABORTED], [ActionPhase.TIMED_OUT]].map((phases) =>
      webhook({}, phases),
    ),
    webhook({}),
  ),
  "WebhookDeliveryTemplate.url": ofRun("settings", [webhook({ url: "http://other/" })], webhook({})),
  "WebhookDeliveryTemplate.method": ofRun(
    "settings",
    [HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE].map((method) => webhook({ method })),
    webhook({}),
  ),
  "WebhookDeliveryTemplate.headers": ofRun("settings", [webhook({ headers: { a: "b" } })], webhook({})),
  "WebhookDeliveryTemplate.body_template": ofRun("settings", [webhook({ bodyTemplate: "c" })], webhook({})),
  "CacheConfig.overwrite_cache": ofRun("cache", [{ cacheConfig: { overwriteCache: true } }], {}, CACHED_TASK),
  "CacheConfig.cache_lookup_scope": ofRun(
    "cache",
    [{ cacheConfig: { cacheLookupScope: CacheLookupScope.PROJECT_DOMAIN } }],
    {},
    CACHED_TASK,
  ),
  "Identifier.name": ofTask("listed", [task({ id: { name: "env.other", version: "1" } })]),
  "Identifier.version": ofTask("listed", [task({ id: { name: "env.task", version: "2" } })]),
  "TaskMetadata.discoverable": ofTask("cache", [metadata({ discoverable: true })]),
  "TaskMetadata.timeout": ofTask("policy", [
    metadata({ timeout: seconds(1) }),
    metadata({ timeout: { nanos: 1 } }),
  ]),
  "TaskMetadata.discovery_version": ofTask(
    "cache",
    [metadata({ ...CACHED, discoveryVersion: "v2" })],
    CACHED_TASK,
  ),
  "TaskMetadata.cache_serializable": ofTask(
    "cache",
    [metadata({ ...CACHED, cacheSerializable: true })],
    CACHED_TASK,
  ),
  "TaskMetadata.cache_ignore_input_vars": ofTask(
    "cache",
    [metadata({ ...CACHED, cacheIgnoreInputVars: ["x"] })],
    CACHED_TASK,
  ),
  "TaskMetadata.pod_template_name": ofTask("container", [metadata({ podTemplateName: "debug" })]),
  "TaskMetadata.is_entrypoint": ofTask("listed", [metadata({ isEntrypoint: true })]),
  "TaskMetadata.code_bundle_uri": ofTask("reads", [
    metadata({ codeBundleUri: "s3://boxkite/p/development/c.tgz" }),
  ]),
  "TaskMetadata.cache_max_age": ofTask(
    "cache",
    [metadata({ ...CACHED, cacheMaxAge: seconds(1) })],
    CACHED_TASK,
  ),
  "RetryStrategy.retries": ofTask("policy", [metadata({ retries: { retries: 1 } })]),
  "Backoff.base": ofTask(
    "policy",
    [withRetries({ base: seconds(0) }), withRetries({ base: seconds(1) })],
    withRetries(),
  ),
  "Backoff.factor": ofTask(
    "policy",
    [withRetries({ base: seconds(1), factor: 2.5 })],
    withRetries({ base: seconds(1) }),
  ),
  "Backoff.cap": ofTask(
    "policy",
    [0, 1].map((cap) => withRetries({ base: seconds(1), cap: seconds(cap) })),
    withRetries({ base: seconds(1) }),
  ),
  "TimeoutStrategy.queued_timeout": ofTask("policy", [metadata({ timeouts: { queuedTimeout: seconds(1) } })]),
  "TimeoutStrategy.deadline": ofTask("policy", [metadata({ timeouts: { deadline: seconds(1) } })]),
  "Container.image": ofTask("container", [container({ image: "other:1" })]),
  "Container.command": ofTask("container", [container({ command: ["sh", ""] })]),
  "Container.args": ofTask("container", [container({ args: [] }), container({ args: ["a0", ""] })]),
  "Container.env": ofTask(
    "container",
    pairs.map((pair) => container({ env: [pair] })),
  ),
  "Resources.requests": ofTask(
    ["admission", "container"],
    entries.map((entry) => container({ resources: { requests: [entry] } })),
  ),
  "Resources.limits": ofTask(
    "container",
    entries.map((entry) => container({ resources: { requests: OTHER, limits: [entry] } })),
    container({ resources: { requests: OTHER } }),
  ),
  "ReusePolicy.min_replicas": ofTask("reuse", reused({ minReplicas: 0 }), REUSED_TASK),
  "ReusePolicy.max_replicas": ofTask("reuse", reused({ maxReplicas: 3 }), REUSED_TASK),
  "ReusePolicy.concurrency": ofTask("reuse", reused({ concurrency: 2 }), REUSED_TASK),
  "ReusePolicy.idle_ttl": ofTask("reuse", reused({ idleTtl: seconds(61) }), REUSED_TASK),
  "ReusePolicy.scaledown_ttl": ofTask("reuse", reused({ scaledownTtl: seconds(61) }), REUSED_TASK),
  "ReusePolicy.scope": ofTask("reuse", reused({ scope: ReusePolicy_Scope.RUN }), REUSED_TASK),
  "SharedMemory.size_limit": ofTask(
    "container",
    ["64Mi", "1G"].map((sizeLimit) => shared({ mountPath: "/dev/shm", sizeLimit })),
    shared({ mountPath: "/dev/shm" }),
  ),
  // Not marked by itself, but what "auto" sends: a mount path without a size.
  "ExtendedResources.shared_memory": ofTask(
    "container",
    [shared({ mountPath: "/dev/shm", mountName: "m" })],
    container(LIMITED),
  ),
};

/** What has no field of its own in the table, since its parts have. */
const MORE = ["ExtendedResources.shared_memory"];

/** They act where a run or an action is made: a test with a server sees each of them there. */
const SEEN_BY_SERVER = [
  "CreateRunRequest.run_id",
  "CreateRunRequest.project_id",
  "CreateRunRequest.task_id",
  "CreateRunRequest.run_start_time",
  "Action.action_id",
  "Action.parent_action_name",
  "Action.input_uri",
  "Action.group",
  "TaskAction.cache_key",
  "TaskAction.queue",
  "TraceAction.name",
  "TraceAction.phase",
  "TraceAction.start_time",
  "TraceAction.end_time",
  "OutputReferences.output_uri",
  "ConditionAction.name",
  "ConditionAction.type",
  "ConditionAction.prompt",
  "ConditionAction.description",
  "ConditionAction.timeout",
  "ConditionWebhook.url",
  "ConditionWebhook.payload",
  "Inputs.literals",
  "Inputs.context",
  "OffloadedInputData.uri",
  "OffloadedInputData.inputs_hash",
  "RunSpec.run_start_time",
];

test("each enforced field has its place here, and nothing else has", () => {
  const enforced = Object.entries(SUPPORT).flatMap(([message, fields]) =>
    Object.keys(fields)
      .filter((field) => fields[field] === "enforced")
      .map((field) => `${message.split(".").at(-1) ?? ""}.${field}`),
  );
  assert.deepEqual([...Object.keys(SEEN), ...SEEN_BY_SERVER].sort(), [...enforced, ...MORE].sort());
  const text = readFileSync(join(import.meta.dirname, "../..", SERVER_TEST), "utf8");
  for (const field of SEEN_BY_SERVER) assert.ok(text.includes(`"${field}"`), `${SERVER_TEST} has ${field}`);
});

for (const [field, { without, with: messages, at }] of Object.entries(SEEN)) {
  test(`${field} makes a difference to ${at.join(" and ")}`, () => {
    const before = effects(...without);
    for (const message of messages) {
      const after = effects(...message);
      for (const place of at)
        assert.notDeepEqual(after[place], before[place], JSON.stringify(message, bigints));
    }
  });
}

function bigints(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}

test("what is out of range is refused in the author's words", () => {
  const refused: readonly (readonly [TaskInit, RunInit, RegExp])[] = [
    [metadata({ timeout: seconds(-1) }), {}, /the longest run \(timeout\) of task env\.task is -1 s/u],
    [
      metadata({ timeouts: { deadline: { seconds: 2n ** 62n } } }),
      {},
      /the deadline \(timeout\) of task env\.task is/u,
    ],
    [withRetries({ factor: 2 }), {}, /the base of the backoff .* is missing/u],
    [withRetries({ base: seconds(1), factor: 0 }), {}, /factor of the backoff .* is 0/u],
    [withRetries({ base: seconds(1), factor: Number.NaN }), {}, /factor of the backoff .* is NaN/u],
    [
      container({ env: [{ key: "A=B", value: "" }] }),
      {},
      /task env\.task has an environment variable of the name "A=B"/u,
    ],
    [container({ env: [{ key: "", value: "" }] }), {}, /environment variable of the name ""/u],
    [PLAIN, { envs: { values: [{ key: "A", value: "\0" }] } }, /"A" of the run has a NUL/u],
    [container({ args: ["a", "\0"] }), {}, /argument 2 of task env\.task has a NUL/u],
    [container({ image: "" }), {}, /task env\.task names no image/u],
    [shared({ mountPath: "/dev/shm", sizeLimit: "0" }), {}, /shared memory of task env\.task, is 0/u],
    [shared({ mountPath: "/shm" }), {}, /shared memory elsewhere/u],
    ...reused({ minReplicas: 3 }).map(
      (sent) => [sent, {}, /ReusePolicy of task env\.task has replicas min 3, .* max 2/u] as const,
    ),
    ...reused({ idleTtl: seconds(29) }).map((sent) => [sent, {}, /idle_ttl 29 s/u] as const),
    [PLAIN, webhook({}, []), /notification 1 of the run has an empty on_phase/u],
    [
      PLAIN,
      { cacheConfig: { cacheLookupScope: 9 as CacheLookupScope } },
      /the run sets cache lookup scope to 9/u,
    ],
    [PLAIN, { relation: { relationType: RelationType.RECOVER } }, /does not name a run/u],
    [
      PLAIN,
      { relation: { relationType: RelationType.RECOVER, relatedTo: { ...SCOPE, project: "q", name: "r" } } },
      /the run to recover is r of q\/development/u,
    ],
    [PLAIN, { recover: { forceRerunActions: ["a"] } }, /no run that it recovers/u],
  ];
  for (const [of, run, message] of refused) {
    assert.throws(() => effects(of, run), message);
    assert.throws(
      () => effects(of, run),
      (error) => (assertAuthorsWords(error), true),
    );
  }
});
