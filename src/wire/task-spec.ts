/** Task and run specifications: the parts that Boxkite acts on, out of the messages. */
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { BoxkiteError } from "../domain/errors.ts";
import type { AttemptPolicy, CacheUse } from "../domain/action.ts";
import type { SharedMemoryBytes, StoredSpec, TaskDefinition } from "../domain/task.ts";
import { NO_SETTINGS, type RunSettings } from "../domain/run.ts";
import type { KeyValuePair } from "./gen/flyteidl2/core/literals_pb.js";
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
import { decodeDuration, decodeLimit } from "./time.ts";

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
    command: container.command,
    args: container.args,
    env: pairs(container.env),
    requests: decodeResources(container.resources?.requests ?? [], "Container.resources.requests"),
    limits: decodeResources(container.resources?.limits ?? [], "Container.resources.limits"),
    ...(sharedMemoryBytes === undefined ? {} : { sharedMemoryBytes }),
    policy: policyOf(template.metadata),
    ...cacheOf(template),
    reads: bundleUris(template, container.args),
  };
}

/** An empty size is what the SDK sends for "auto": "the maximum shared memory available on the node". */
function decodeSharedMemory({ sizeLimit, mountPath }: SharedMemory): SharedMemoryBytes {
  if (mountPath !== "" && mountPath !== "/dev/shm") {
    throw new BoxkiteError(
      "FIELD_NOT_SUPPORTED",
      `ExtendedResources.shared_memory.mount_path is ${mountPath}: shared memory is at /dev/shm`,
    );
  }
  if (sizeLimit === "") return "auto";
  const field = "ExtendedResources.shared_memory.size_limit";
  const bytes = Math.ceil(parseQuantity(sizeLimit, field));
  if (bytes > 0) return bytes;
  throw new BoxkiteError("INVALID_ARGUMENT", `${field} is ${sizeLimit}`, {
    hint: 'leave shm= out of flyte.Resources(…), or use shm="auto"',
  });
}

function policyOf(metadata: TaskMetadata | undefined): AttemptPolicy {
  const backoff = metadata?.retries?.backoff;
  const capMs = decodeLimit(backoff?.cap);
  const limits = {
    queuedTimeoutMs: decodeLimit(metadata?.timeouts?.queuedTimeout),
    maxRuntimeMs: decodeLimit(metadata?.timeout),
    deadlineMs: decodeLimit(metadata?.timeouts?.deadline),
  };
  return {
    userRetries: metadata?.retries?.retries ?? 0,
    ...(backoff?.base === undefined
      ? {}
      : {
          backoff: {
            baseMs: decodeDuration(backoff.base),
            factor: backoff.factor ?? 1,
            ...(capMs === undefined ? {} : { capMs }),
          },
        }),
    ...(limits.queuedTimeoutMs === undefined ? {} : { queuedTimeoutMs: limits.queuedTimeoutMs }),
    ...(limits.maxRuntimeMs === undefined ? {} : { maxRuntimeMs: limits.maxRuntimeMs }),
    ...(limits.deadlineMs === undefined ? {} : { deadlineMs: limits.deadlineMs }),
  };
}

function cacheOf({ metadata, interface: types }: TaskTemplate): Pick<TaskDefinition, "cache"> {
  if (!metadata?.discoverable) return {};
  const maxAgeMs = decodeLimit(metadata.cacheMaxAge);
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
 * The SDK hands every action the images of all environments of its program, as base64 of gzipped JSON
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

/** Throws FIELD_NOT_SUPPORTED. */
export function decodeRunSpec(spec: RunSpec | undefined): RunSettings {
  if (spec === undefined) return NO_SETTINGS;
  requireSupported(RunSpecSchema, spec);
  const prefix = spec.rawDataStorage?.rawDataPrefix ?? "";
  return {
    env: pairs(spec.envs?.values ?? []),
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
    ...spawnedByOf(spec),
    ...recoverOf(spec),
  };
}

function notificationsOf({ notificationSettings }: RunSpec): Pick<RunSettings, "notifications"> {
  if (notificationSettings.case !== "notificationRules") return {};
  return { notifications: decodeNotifications(notificationSettings.value.rules) };
}

function spawnedByOf({ relation }: RunSpec): Pick<RunSettings, "spawnedBy"> {
  if (relation?.relationType !== RelationType.SPAWN || relation.relatedTo === undefined) return {};
  return { spawnedBy: decodeRunId(relation.relatedTo) };
}

function recoverOf({ relation, recover }: RunSpec): Pick<RunSettings, "recover"> {
  if (relation?.relationType === RelationType.RECOVER && relation.relatedTo !== undefined) {
    return { recover: { run: relation.relatedTo.name, rerun: recover?.forceRerunActions ?? [] } };
  }
  if (recover !== undefined && recover.forceRerunActions.length > 0) {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      "RunSpec.recover is set without a relation that says which run to recover",
    );
  }
  return {};
}

function pairs(list: readonly KeyValuePair[]): Record<string, string> {
  return Object.fromEntries(list.map(({ key, value }) => [key, value]));
}
