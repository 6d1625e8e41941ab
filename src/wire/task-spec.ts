/** Task and run specifications: the parts that Boxkite acts on, out of the messages. */
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { BoxkiteError } from "../domain/errors.ts";
import type { AttemptPolicy } from "../domain/action.ts";
import type { RunSettings, TaskDefinition } from "../domain/task.ts";
import type { StoredSpec } from "../store/store.ts";
import type { KeyValuePair } from "./gen/flyteidl2/core/literals_pb.js";
import type { TaskMetadata, TaskTemplate } from "./gen/flyteidl2/core/tasks_pb.js";
import { RunSpecSchema, type RunSpec } from "./gen/flyteidl2/task/run_pb.js";
import { TaskSpecSchema, type TaskSpec } from "./gen/flyteidl2/task/task_definition_pb.js";
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
    throw new BoxkiteError("INVALID_ARGUMENT", "TaskSpec.task_template.container is not set: a task needs an image and arguments");
  }
  const container = template.target.value;
  const shared = template.extendedResources?.sharedMemory;
  const sharedMemoryBytes = sharedMemorySize(shared?.sizeLimit, shared?.mountPath);
  return {
    name: template.id?.name ?? "",
    version: template.id?.version ?? "",
    shortName: spec.shortName,
    environment: spec.environment?.name ?? "",
    image: container.image,
    relatedImages: imagesInArguments(container.args),
    command: container.command,
    args: container.args,
    env: pairs(container.env),
    requests: decodeResources(container.resources?.requests ?? [], "Container.resources.requests"),
    limits: decodeResources(container.resources?.limits ?? [], "Container.resources.limits"),
    ...(sharedMemoryBytes === undefined ? {} : { sharedMemoryBytes }),
    policy: policyOf(template.metadata),
    reads: bundleUris(template, container.args),
  };
}

/** "auto" is what the SDK sends for the size of the machine's memory: the engine's default is used. */
function sharedMemorySize(limit: string | undefined, mountPath: string | undefined): number | undefined {
  if (mountPath !== undefined && mountPath !== "" && mountPath !== "/dev/shm") {
    throw new BoxkiteError(
      "FIELD_NOT_SUPPORTED",
      `ExtendedResources.shared_memory.mount_path is ${mountPath}: shared memory is at /dev/shm`,
    );
  }
  if (limit === undefined || limit === "") return undefined;
  return Math.ceil(parseQuantity(limit, "ExtendedResources.shared_memory.size_limit"));
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

/**
 * The SDK hands every action the images of all environments of its program, as base64 of gzipped JSON
 * after `--image-cache` (protocol.md section 5): what the children will run in.
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
  const named = ["--tgz", "--pkl"].map((flag) => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined));
  const all = [...named, template.metadata?.codeBundleUri].filter((uri) => uri !== undefined && uri !== "");
  return [...new Set(all as string[])];
}

/** Throws FIELD_NOT_SUPPORTED. */
export function decodeRunSpec(spec: RunSpec | undefined): RunSettings {
  if (spec === undefined) return { env: {}, labels: {}, annotations: {} };
  requireSupported(RunSpecSchema, spec);
  const prefix = spec.rawDataStorage?.rawDataPrefix ?? "";
  return {
    env: pairs(spec.envs?.values ?? []),
    labels: spec.labels?.values ?? {},
    annotations: spec.annotations?.values ?? {},
    ...(prefix === "" ? {} : { rawDataPrefix: prefix }),
  };
}

function pairs(list: readonly KeyValuePair[]): Record<string, string> {
  return Object.fromEntries(list.map(({ key, value }) => [key, value]));
}
