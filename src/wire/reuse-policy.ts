/**
 * `flyte.ReusePolicy` as the SDKs send it: a field of its own (flyte 2.8 to 2.12, and boxkite's), and for older servers
 * the type "actor" with the same numbers in `custom`, which is all that an older SDK sends (flyte/_internal/runtime/reuse.py).
 */
import { create, equals, type JsonObject } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { BoxkiteError } from "../domain/errors.ts";
import type { ReusePolicy } from "../domain/reuse-policy.ts";
import { ReusePolicy_Scope, ReusePolicySchema, type TaskTemplate } from "./gen/flyteidl2/core/tasks_pb.js";
import { decodeDelay } from "./time.ts";

/** The type that the Python SDK gives a reusable task. */
export const REUSABLE_TYPE = "actor";

/** Of a task whose program is its own (flyte.extras.ContainerTask), so that no worker can have loaded it. */
const RAW_CONTAINER = "raw-container";

/** What the SDK takes where its user gives none, and its minimum: flyte/_reusable_environment.py. */
const MIN_TTL_MS = 30_000;

const HINT =
  'write it as flyte.ReusePolicy(replicas=(1, 4), concurrency=1, idle_ttl=300) (TypeScript: { replicas: [1, 4], concurrency: 1, idleTtl: "5m" }), or leave reusable out: each action then gets a container of its own';

/** Undefined where the task is not reusable. Throws INVALID_ARGUMENT in the author's words. */
export function decodeReuse(template: TaskTemplate, subject: string): ReusePolicy | undefined {
  const { reusePolicy: sent, type, custom } = template;
  // An empty message asks for nothing, as any other.
  if (sent !== undefined && !equals(ReusePolicySchema, sent, create(ReusePolicySchema))) {
    if (type === RAW_CONTAINER) throw rawContainer(subject);
    return checked(
      {
        minReplicas: sent.minReplicas,
        maxReplicas: sent.maxReplicas,
        concurrency: sent.concurrency || 1,
        idleTtlMs: ttl(sent.idleTtl, `idle_ttl of ${subject}`),
        scaledownTtlMs: ttl(sent.scaledownTtl, `scaledown_ttl of ${subject}`),
        scope: sent.scope === ReusePolicy_Scope.RUN ? "run" : "global",
      },
      subject,
    );
  }
  return type === REUSABLE_TYPE ? checked(fromCustom(custom ?? {}, subject), subject) : undefined;
}

function ttl(duration: Duration | undefined, what: string): number {
  return duration === undefined ? MIN_TTL_MS : decodeDelay(duration, what);
}

/** Numbers are as the SDK names them there; it has no scope. */
function fromCustom({ spec }: JsonObject, subject: string): ReusePolicy {
  if (typeof spec !== "object" || spec === null || Array.isArray(spec))
    throw invalid(subject, "does not say how many containers it may have");
  const number = (field: string, name: string, fallback: number) => {
    const value = spec[field] ?? fallback;
    if (typeof value === "number") return value;
    throw invalid(subject, `has no number for ${name}`);
  };
  return {
    minReplicas: number("min_replica_count", "replicas min", 0),
    maxReplicas: number("replica_count", "replicas max", 1),
    concurrency: number("parallelism", "concurrency", 1),
    idleTtlMs: number("ttl_seconds", "idle_ttl", MIN_TTL_MS / 1_000) * 1_000,
    scaledownTtlMs: number("scaledown_ttl_seconds", "scaledown_ttl", MIN_TTL_MS / 1_000) * 1_000,
    scope: "global",
  };
}

function checked(policy: ReusePolicy, subject: string): ReusePolicy {
  const { minReplicas, maxReplicas, concurrency, idleTtlMs, scaledownTtlMs } = policy;
  const counts = { "replicas min": minReplicas, "replicas max": maxReplicas, concurrency };
  for (const [name, value] of Object.entries(counts)) {
    const least = name === "replicas min" ? 0 : 1;
    if (!(Number.isSafeInteger(value) && value >= least))
      throw invalid(subject, `has ${name} ${value}, and it must be a whole number from ${least}`);
  }
  if (minReplicas > maxReplicas)
    throw invalid(subject, `has replicas min ${minReplicas}, which is more than their max ${maxReplicas}`);
  for (const [name, value] of Object.entries({ idle_ttl: idleTtlMs, scaledown_ttl: scaledownTtlMs })) {
    if (!(value >= MIN_TTL_MS))
      throw invalid(subject, `has ${name} ${value / 1_000} s, and it must be at least 30 s`);
  }
  return policy;
}

function rawContainer(subject: string): BoxkiteError {
  return new BoxkiteError(
    "INVALID_ARGUMENT",
    `${subject} is a container task with a flyte.ReusePolicy, and its program cannot be loaded before it starts`,
    { hint: "leave reusable out of its environment, or start the task in an environment without it" },
  );
}

function invalid(subject: string, why: string): BoxkiteError {
  return new BoxkiteError("INVALID_ARGUMENT", `the flyte.ReusePolicy of ${subject} ${why}`, { hint: HINT });
}
