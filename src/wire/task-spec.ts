/** Task and run specifications: the parts that Boxkite acts on, out of the messages. */
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { BoxkiteError } from "../domain/errors.ts";
import type { AttemptPolicy, CacheUse } from "../domain/action.ts";
import type { SharedMemoryBytes, StoredSpec, TaskDefinition } from "../domain/task.ts";
import { NO_SETTINGS, type RunSettings } from "../domain/run.ts";
import type { Backoff } from "../domain/backoff.ts";
import type { ProjectKey } from "../domain/ids.ts";
import type { Backoff as WireBackoff, KeyValuePair } from "./gen/flyteidl2/core/literals_pb.js";
import type { SharedMemory, TaskMetadata, TaskTemplate } from "./gen/flyteidl2/core/tasks_pb.js";
import { RelationType } from "./gen/flyteidl2/common/run_pb.js";
import { CacheLookupScope, RunSpecSchema, type RunSpec } from "./gen/flyteidl2/task/run_pb.js";
import { TaskSpecSchema, type TaskSpec } from "./gen/flyteidl2/task/task_definition_pb.js";
import { decodeRunId } from "./identifiers.ts";
import { hashCacheKey, hashInterface } from "./literals/hash.ts";
import { namesObject } from "./literals.ts";
import { decodeNotifications } from "./notifications.ts";
import { decodeResources, parseQuantity } from "./resources.ts";
import { requireSupported } from "./support.ts";
import { decodeDelay, decodeLimit } from "./time.ts";

/** Throws FIELD_NOT_SUPPORTED or INVALID_ARGUMENT, each naming the field. */
export function decodeTaskSpec(spec: TaskSpec): StoredSpec {
  requireSupported(TaskSpecSchema, spec);
  const bytes = toBinary(TaskSpecSchema, spec);
  return { digest: createHash("sha256").update(bytes).digest("hex"), bytes, definition: definitionOf(spec) };
}

export function encodeTaskSpec(stored: StoredSpec): TaskSpec {
  return fromBinary(TaskSpecSchema, stored.bytes);
}

function definitionOf(spec: TaskSpec): TaskDefinition {
  const template = spec.taskTemplate;
  if (template?.target.case !== "container") {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      "TaskSpec.task_template.container is not set: a task needs an image and arguments",
    );
  }
  const container = template.target.value;
  if (container.image === "") throw new BoxkiteError("INVALID_ARGUMENT", "Container.image is empty");
  const shared = template.extendedResources?.sharedMemory;
  const sharedMemoryBytes = shared && decodeSharedMemory(shared);
  return {
    name: template.id?.name ?? "",
    version: template.id?.version ?? "",
    shortName: spec.shortName,
    type: template.type,
    environment: spec.environment?.name ?? "",
    ...(template.metadata?.isEntrypoint && { isEntrypoint: true }),
    image: container.image,
    relatedImages: imagesInArguments(container.args),
    command: decodeWords(container.command, "Container.command"),
    args: decodeWords(container.args, "Container.args"),
    env: decodeVariables(container.env, "Container.env"),
    requests: decodeResources(container.resources?.requests ?? [], "Container.resources.requests"),
    limits: decodeResources(container.resources?.limits ?? [], "Container.resources.limits"),
    ...(sharedMemoryBytes === undefined ? {} : { sharedMemoryBytes }),
    policy: decodeAttemptPolicy(template.metadata),
    ...cacheOf(template),
    reads: bundleUris(template, container.args),
  };
}

/** An empty size is what the SDK sends for "auto": "the maximum shared memory available on the node". */
function decodeSharedMemory({ sizeLimit }: SharedMemory): SharedMemoryBytes {
  if (sizeLimit === "") return "auto";
  const field = "ExtendedResources.shared_memory.size_limit";
  const bytes = Math.ceil(parseQuantity(sizeLimit, field));
  if (bytes > 0) return bytes;
  throw new BoxkiteError("INVALID_ARGUMENT", `${field} is ${sizeLimit}`, {
    hint: 'leave shm= out of flyte.Resources(…), or use shm="auto"',
  });
}

/** Retries and time limits. Throws INVALID_ARGUMENT naming the field. */
export function decodeAttemptPolicy(
  metadata: Pick<TaskMetadata, "retries" | "timeout" | "timeouts"> | undefined,
): AttemptPolicy {
  const { retries, timeout, timeouts } = metadata ?? {};
  const queuedTimeoutMs = decodeLimit(timeouts?.queuedTimeout, "TaskMetadata.timeouts.queued_timeout");
  const maxRuntimeMs = decodeLimit(timeout, "TaskMetadata.timeout");
  const deadlineMs = decodeLimit(timeouts?.deadline, "TaskMetadata.timeouts.deadline");
  return {
    userRetries: retries?.retries ?? 0,
    ...(retries?.backoff && { backoff: decodeBackoff(retries.backoff) }),
    ...(queuedTimeoutMs === undefined ? {} : { queuedTimeoutMs }),
    ...(maxRuntimeMs === undefined ? {} : { maxRuntimeMs }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  };
}

/** What flyte.Backoff allows (flyte/_retry.py). */
function decodeBackoff({ base, factor = 1, cap }: WireBackoff): Backoff {
  const field = "TaskMetadata.retries.backoff";
  if (base === undefined) throw new BoxkiteError("INVALID_ARGUMENT", `${field}.base is not set`);
  if (!(factor >= 1 && Number.isFinite(factor)))
    throw new BoxkiteError("INVALID_ARGUMENT", `${field}.factor is ${factor}: it is 1 or more`);
  return {
    baseMs: decodeDelay(base, `${field}.base`),
    factor,
    ...(cap && { capMs: decodeDelay(cap, `${field}.cap`) }),
  };
}

function cacheOf({ metadata, interface: types }: TaskTemplate): Pick<TaskDefinition, "cache"> {
  if (!metadata?.discoverable) return {};
  const maxAgeMs = decodeLimit(metadata.cacheMaxAge, "TaskMetadata.cache_max_age");
  return {
    cache: {
      version: metadata.discoveryVersion,
      interfaceHash: types === undefined ? "" : hashInterface(types),
      serialize: metadata.cacheSerializable,
      ignoredInputs: metadata.cacheIgnoreInputVars,
      ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
    },
  };
}

/**
 * The key that a root action's result is kept under; children bring theirs (seen with flyte 2.12.1). It is
 * the same key for the same task and inputs.
 */
export function rootCacheKey({ cache, name }: TaskDefinition, inputsHash: string): string {
  const { interfaceHash = "", version = "" } = cache ?? {};
  return hashCacheKey({ inputsHash, taskName: name, interfaceHash, cacheVersion: version });
}

/** How an action of this run uses the cache, or undefined where its task is not cached. */
export function cacheUseOf(
  definition: TaskDefinition,
  settings: RunSettings,
  key: string | undefined,
): CacheUse | undefined {
  const { cache } = definition;
  if (cache === undefined || key === undefined || key === "") return undefined;
  return {
    key,
    serialize: cache.serialize,
    overwrite: settings.cache.overwrite,
    sameProject: settings.cache.sameProject,
    ...(cache.maxAgeMs === undefined ? {} : { maxAgeMs: cache.maxAgeMs }),
  };
}

/**
 * The SDK gives every action the images of all environments of its program, as base64 of gzipped JSON
 * after `--image-cache` (seen with flyte 2.12.1): what the children will run in.
 */
function imagesInArguments(args: readonly string[]): string[] {
  const value = args[args.indexOf("--image-cache") + 1];
  if (!args.includes("--image-cache") || value === undefined) return [];
  try {
    const text = gunzipSync(Buffer.from(value, "base64"), { maxOutputLength: 1 << 20 }).toString();
    const { image_lookup: lookup } = JSON.parse(text) as { image_lookup?: Record<string, unknown> };
    return Object.values(lookup ?? {}).filter((image) => typeof image === "string");
  } catch {
    // Another SDK's form of the argument: its images are resolved when an action needs them.
    return [];
  }
}

function bundleUris(template: TaskTemplate, args: readonly string[]): string[] {
  const named = ["--tgz", "--pkl"].map((flag) =>
    args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined,
  );
  const all = [...named, template.metadata?.codeBundleUri].filter((uri) => uri !== undefined);
  return [...new Set(all)].filter(namesObject);
}

/** Throws FIELD_NOT_SUPPORTED or INVALID_ARGUMENT, each naming the field. `scope`: where the run will be. */
export function decodeRunSpec(spec: RunSpec | undefined, scope: ProjectKey): RunSettings {
  if (spec === undefined) return NO_SETTINGS;
  requireSupported(RunSpecSchema, spec);
  const prefix = spec.rawDataStorage?.rawDataPrefix ?? "";
  return {
    env: decodeVariables(spec.envs?.values ?? [], "RunSpec.envs"),
    labels: spec.labels?.values ?? {},
    annotations: spec.annotations?.values ?? {},
    cache: {
      overwrite: spec.overwriteCache || (spec.cacheConfig?.overwriteCache ?? false),
      sameProject: spec.cacheConfig?.cacheLookupScope === CacheLookupScope.PROJECT_DOMAIN,
    },
    maxConcurrency: spec.maxActionConcurrency,
    ...(spec.queue === "" ? {} : { queue: spec.queue }),
    ...(prefix === "" ? {} : { rawDataPrefix: prefix }),
    ...notificationsOf(spec),
    ...relationOf(spec, scope),
  };
}

function notificationsOf({ notificationSettings }: RunSpec): Pick<RunSettings, "notifications"> {
  if (notificationSettings.case !== "notificationRules") return {};
  return { notifications: decodeNotifications(notificationSettings.value.rules) };
}

/** What is recovered is of the same project and domain (flyte/_run.py: Relation.related_to, by contract). */
function relationOf(
  { relation, recover }: RunSpec,
  scope: ProjectKey,
): Pick<RunSettings, "spawnedBy" | "recover"> {
  const rerun = recover?.forceRerunActions ?? [];
  const type = relation?.relationType ?? RelationType.UNSPECIFIED;
  if (rerun.length > 0 && type !== RelationType.RECOVER) {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      "RunSpec.recover is set without a relation that says which run to recover",
    );
  }
  if (type !== RelationType.RECOVER && type !== RelationType.SPAWN) return {};
  const source = decodeRunId(relation?.relatedTo);
  if (type === RelationType.SPAWN) return { spawnedBy: source };
  if (source.project !== scope.project || source.domain !== scope.domain) {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `RunSpec.relation.related_to is run ${source.run} of ${source.project}/${source.domain}, and this run is of ${scope.project}/${scope.domain}`,
    );
  }
  return { recover: { run: source.run, rerun } };
}

/** What the kernel takes as a name and a value; the last of a name counts, as in Kubernetes. */
function decodeVariables(list: readonly KeyValuePair[], field: string): Record<string, string> {
  for (const { key, value } of list) {
    if (key !== "" && !/[=\0]/u.test(key) && !value.includes("\0")) continue;
    const name = JSON.stringify(key);
    throw new BoxkiteError("INVALID_ARGUMENT", `${field} has ${name}, which is no environment variable`, {
      hint: 'a name is not empty and has no "="; neither name nor value has a NUL',
    });
  }
  return Object.fromEntries(list.map(({ key, value }) => [key, value]));
}

/** Words of a command line, which cannot carry a NUL. */
function decodeWords(words: readonly string[], field: string): string[] {
  const index = words.findIndex((word) => word.includes("\0"));
  if (index === -1) return [...words];
  throw new BoxkiteError("INVALID_ARGUMENT", `${field}[${index}] has a NUL, which no command line can carry`);
}
