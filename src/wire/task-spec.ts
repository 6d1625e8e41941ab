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
import { isSleepTask } from "../domain/sleep.ts";
import { ownValue } from "../domain/own-value.ts";
import type { Backoff as WireBackoff } from "./gen/flyteidl2/core/literals_pb.js";
import type { SharedMemory, TaskMetadata, TaskTemplate } from "./gen/flyteidl2/core/tasks_pb.js";
import { RelationType } from "./gen/flyteidl2/common/run_pb.js";
import { CacheLookupScope, RunSpecSchema, type RunSpec } from "./gen/flyteidl2/task/run_pb.js";
import { TaskSpecSchema, type TaskSpec } from "./gen/flyteidl2/task/task_definition_pb.js";
import { decodeRunId } from "./identifiers.ts";
import { hashCacheKey, hashInterface } from "./literals/hash.ts";
import { namesObject } from "./literals.ts";
import { decodeNotifications } from "./notifications.ts";
import { decodeResources, parseQuantity } from "./resources.ts";
import { decodeVariables, decodeWords, requireStartable } from "./program-start.ts";
import { refused, sdkWithoutTokens } from "./refusals.ts";
import { decodeReuse, REUSABLE_TYPE } from "./reuse-policy.ts";
import { requireShortName, requireShortTexts } from "./short-texts.ts";
import { requireSleepShape } from "./sleep-task.ts";
import { requireSupported, taskSubject } from "./support.ts";
import { decodeDelay, decodeLimit } from "./time.ts";

/** Throws FIELD_NOT_SUPPORTED, INVALID_ARGUMENT or LIMIT_EXCEEDED, each in the author's words. */
export function decodeTaskSpec(spec: TaskSpec): StoredSpec {
  const bytes = toBinary(TaskSpecSchema, spec);
  const digest = createHash("sha256").update(bytes).digest("hex");
  const known = decoded.get(digest);
  if (known !== undefined) return known;
  requireSupported(TaskSpecSchema, spec);
  const stored = { digest, bytes, definition: definitionOf(spec) };
  if (bytes.length <= MAX_REMEMBERED_BYTES) remember(stored);
  return stored;
}

/** The children of a fan-out have one specification: those that were decoded last, by their digests. */
const decoded = new Map<string, StoredSpec>();
const MOST_REMEMBERED = 200;
const MAX_REMEMBERED_BYTES = 32 * 1024;

function remember(stored: StoredSpec): void {
  const [oldest] = decoded.keys();
  if (decoded.size >= MOST_REMEMBERED && oldest !== undefined) decoded.delete(oldest);
  decoded.set(stored.digest, stored);
}

export function encodeTaskSpec(stored: StoredSpec): TaskSpec {
  return fromBinary(TaskSpecSchema, stored.bytes);
}

function definitionOf(spec: TaskSpec): TaskDefinition {
  const template = spec.taskTemplate;
  const subject = taskSubject(template?.id?.name);
  if (template !== undefined && isSleepTask(template)) return sleepOf(spec, template, subject);
  if (template?.target.case !== "container" || template.target.value.image === "") {
    throw new BoxkiteError("INVALID_ARGUMENT", `${subject} names no image to run in`, {
      hint: "set image= of its flyte.TaskEnvironment (TypeScript: image)",
    });
  }
  requireTokens(template, subject);
  const container = template.target.value;
  const shared = template.extendedResources?.sharedMemory;
  const sharedMemoryBytes = shared && decodeSharedMemory(shared, subject);
  const reuse = decodeReuse(template, subject);
  const definition: TaskDefinition = {
    ...commonOf(spec, template, subject),
    image: container.image,
    relatedImages: imagesInArguments(container.args),
    command: decodeWords(container.command, "command", subject),
    args: decodeWords(container.args, "argument", subject),
    env: decodeVariables(container.env, subject),
    requests: decodeResources(container.resources?.requests ?? [], `the request of ${subject} for`),
    limits: decodeResources(container.resources?.limits ?? [], `the limit of ${subject} for`),
    ...(sharedMemoryBytes === undefined ? {} : { sharedMemoryBytes }),
    ...podTemplateOf(template),
    ...(reuse && { reuse }),
    reads: bundleUris(template, container.args),
  };
  requireStartable(definition, {});
  return definition;
}

/** Its container, with the image and the code that are named there, is never made. */
function sleepOf(spec: TaskSpec, template: TaskTemplate, subject: string): TaskDefinition {
  requireSleepShape(template, subject);
  return {
    ...commonOf(spec, template, subject),
    image: "",
    relatedImages: [],
    command: [],
    args: [],
    env: {},
    requests: {},
    limits: {},
    reads: [],
  };
}

function commonOf(spec: TaskSpec, template: TaskTemplate, subject: string) {
  return {
    name: requireShortName(template.id?.name ?? "", "the name of the task"),
    version: requireShortName(template.id?.version ?? "", "the version of the task"),
    shortName: spec.shortName,
    // A policy changes neither the language nor the program.
    type: template.type === REUSABLE_TYPE ? "python" : template.type,
    environment: spec.environment?.name ?? "",
    ...(template.metadata?.isEntrypoint && { isEntrypoint: true }),
    inputs: (template.interface?.inputs?.variables ?? []).map(({ key }) => key),
    policy: decodeAttemptPolicy(template.metadata, subject),
    ...cacheOf(template, subject),
    ...sentByOf(template),
    ...sourceOf(spec),
  };
}

/** The package 2.0 speaks gRPC, which has no place for a path in its endpoint (seen with flyte 2.0.12). */
function requireTokens({ metadata }: TaskTemplate, subject: string): void {
  const { flavor = "", version = "" } = metadata?.runtime ?? {};
  if (flavor === "python" && /^2\.0(?!\d)/u.test(version)) throw refused(subject, sdkWithoutTokens(version));
}

/** By the name of its package, which is the same in every version of Flyte's and of Boxkite's. */
const SDK_NAMES: Readonly<Record<string, string>> = { python: "flyte", typescript: "boxkite" };

function sentByOf({ metadata }: TaskTemplate): Pick<TaskDefinition, "sentBy"> {
  const { flavor = "", version = "" } = metadata?.runtime ?? {};
  if (flavor === "" || version === "") return {};
  const name = ownValue(SDK_NAMES, flavor) ?? flavor;
  return { sentBy: { name: cutText(name), version: cutText(version) } };
}

/** Of what is only shown. */
const MAX_SHOWN = 100;
const cutText = (text: string): string => text.slice(0, MAX_SHOWN).toWellFormed();

const MAX_URL = 2_048;

/** Only what a browser may follow. */
function sourceOf({ documentation }: TaskSpec): Pick<TaskDefinition, "sourceUrl"> {
  const link = documentation?.sourceCode?.link ?? "";
  return /^https?:\/\/\S+$/u.test(link) && link.length <= MAX_URL ? { sourceUrl: link } : {};
}

function podTemplateOf({ metadata }: TaskTemplate): Pick<TaskDefinition, "podTemplate"> {
  const name = metadata?.podTemplateName ?? "";
  return name === "" ? {} : { podTemplate: requireShortName(name, "the name of the pod template") };
}

/** An empty size is what the SDK sends for "auto": "the maximum shared memory available on the node". */
function decodeSharedMemory({ sizeLimit }: SharedMemory, subject: string): SharedMemoryBytes {
  if (sizeLimit === "") return "auto";
  const what = `the shared memory of ${subject},`;
  const bytes = Math.ceil(parseQuantity(sizeLimit, what));
  if (bytes > 0) return bytes;
  throw new BoxkiteError("INVALID_ARGUMENT", `${what} is ${sizeLimit}`, {
    hint: 'leave shm= out of flyte.Resources(…), or use shm="auto"',
  });
}

/** Retries and time limits. Throws INVALID_ARGUMENT in the author's words. `subject`: for example "task team.main". */
export function decodeAttemptPolicy(
  metadata: Pick<TaskMetadata, "retries" | "timeout" | "timeouts"> | undefined,
  subject: string,
): AttemptPolicy {
  const { retries, timeout, timeouts } = metadata ?? {};
  const queuedTimeoutMs = decodeLimit(
    timeouts?.queuedTimeout,
    `the longest wait in the queue (timeout) of ${subject}`,
  );
  const maxRuntimeMs = decodeLimit(timeout, `the longest run (timeout) of ${subject}`);
  const deadlineMs = decodeLimit(timeouts?.deadline, `the deadline (timeout) of ${subject}`);
  return {
    userRetries: retries?.retries ?? 0,
    ...(retries?.backoff && { backoff: decodeBackoff(retries.backoff, subject) }),
    ...(queuedTimeoutMs === undefined ? {} : { queuedTimeoutMs }),
    ...(maxRuntimeMs === undefined ? {} : { maxRuntimeMs }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  };
}

/** What flyte.Backoff allows (flyte/_retry.py). */
function decodeBackoff({ base, factor = 1, cap }: WireBackoff, subject: string): Backoff {
  const of = (part: string) => `the ${part} of the backoff between retries of ${subject}`;
  const hint = "write it as flyte.Backoff(base=timedelta(seconds=10), factor=2, cap=timedelta(minutes=5))";
  if (base === undefined) throw new BoxkiteError("INVALID_ARGUMENT", `${of("base")} is missing`, { hint });
  if (!(factor >= 1 && Number.isFinite(factor)))
    throw new BoxkiteError("INVALID_ARGUMENT", `${of("factor")} is ${factor}, and it must be 1 or more`, {
      hint,
    });
  return {
    baseMs: decodeDelay(base, of("base")),
    factor,
    ...(cap && { capMs: decodeDelay(cap, of("cap")) }),
  };
}

function cacheOf(
  { metadata, interface: types }: TaskTemplate,
  subject: string,
): Pick<TaskDefinition, "cache"> {
  if (!metadata?.discoverable) return {};
  const maxAgeMs = decodeLimit(metadata.cacheMaxAge, `the longest age of cached results of ${subject}`);
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

/** Throws as `decodeTaskSpec` does. `scope`: where the run will be. */
export function decodeRunSpec(spec: RunSpec | undefined, scope: ProjectKey): RunSettings {
  if (spec === undefined) return NO_SETTINGS;
  requireSupported(RunSpecSchema, spec);
  const prefix = spec.rawDataStorage?.rawDataPrefix ?? "";
  return {
    env: decodeVariables(spec.envs?.values ?? [], "the run"),
    labels: requireShortTexts(spec.labels?.values ?? {}, "labels"),
    annotations: requireShortTexts(spec.annotations?.values ?? {}, "annotations"),
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
      "the run names actions to run again, and no run that it recovers",
      { hint: "name that run: flyte.rerun(NAME, recover=True, force_rerun_actions=[…])" },
    );
  }
  if (type !== RelationType.RECOVER && type !== RelationType.SPAWN) return {};
  const source = decodeRunId(relation?.relatedTo);
  if (type === RelationType.SPAWN) return { spawnedBy: source };
  if (source.project !== scope.project || source.domain !== scope.domain) {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `the run to recover is ${source.run} of ${source.project}/${source.domain}, and this run is of ${scope.project}/${scope.domain}`,
      { hint: "recover it in its own project and domain" },
    );
  }
  return { recover: { run: source.run, rerun } };
}
