/** Encodes settings of tasks: for specifications of own tasks, and for overrides of deployed ones. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { encodeDuration } from "./duration.ts";
import {
  retryPolicyOf,
  reusePolicyOf,
  secretVariable,
  timeoutsOf,
  type ExecutionOptions,
  type Resources,
  type RetryPolicy,
  type ReusePolicy,
  type SecretRequest,
  type Timeouts,
} from "./options.ts";
import type { RetryStrategySchema } from "../../wire/gen/flyteidl2/core/literals_pb.js";
import { Secret_MountType, type SecretSchema } from "../../wire/gen/flyteidl2/core/security_pb.js";
import {
  Resources_ResourceName,
  ReusePolicy_Scope,
  type ReusePolicySchema,
  type TaskMetadataSchema,
  type TaskTemplateSchema,
  type Resources_ResourceEntry,
} from "../../wire/gen/flyteidl2/core/tasks_pb.js";

/** Retries and time limits of a task. */
export function encodeAttemptPolicy(
  options: Pick<ExecutionOptions, "retries" | "timeout">,
): Pick<MessageInitShape<typeof TaskMetadataSchema>, "retries" | "timeout" | "timeouts"> {
  return { retries: encodeRetries(retryPolicyOf(options)), ...encodeTimeouts(timeoutsOf(options)) };
}

export function encodeRetries({ count, backoff }: RetryPolicy): MessageInitShape<typeof RetryStrategySchema> {
  if (backoff === undefined) return { retries: count };
  const { base, factor = 2, cap } = backoff;
  return {
    retries: count,
    backoff: {
      base: encodeDuration(base),
      factor,
      ...(cap === undefined ? {} : { cap: encodeDuration(cap) }),
    },
  };
}

export function encodeTimeouts(
  timeouts: Timeouts,
): Pick<MessageInitShape<typeof TaskMetadataSchema>, "timeout" | "timeouts"> {
  const { maxRuntime, maxQueuedTime, deadline } = timeouts;
  return {
    ...(maxRuntime === undefined ? {} : { timeout: encodeDuration(maxRuntime) }),
    ...(maxQueuedTime === undefined && deadline === undefined
      ? {}
      : {
          timeouts: {
            ...(maxQueuedTime === undefined ? {} : { queuedTimeout: encodeDuration(maxQueuedTime) }),
            ...(deadline === undefined ? {} : { deadline: encodeDuration(deadline) }),
          },
        }),
  };
}

export function encodeResources(resources: Resources): {
  requests: Pick<Resources_ResourceEntry, "name" | "value">[];
  limits: Pick<Resources_ResourceEntry, "name" | "value">[];
} {
  const { CPU, MEMORY, GPU, EPHEMERAL_STORAGE } = Resources_ResourceName;
  const requests: { name: Resources_ResourceName; value: string }[] = [];
  const limits: { name: Resources_ResourceName; value: string }[] = [];
  const add = (
    name: Resources_ResourceName,
    quantity: number | string | readonly (number | string)[] | undefined,
  ): void => {
    if (quantity === undefined) return;
    // A single value is both the request and the limit: a task gets the resources it was tested with.
    const [request, limit] = Array.isArray(quantity) ? quantity : [quantity, quantity];
    requests.push({ name, value: String(request) });
    limits.push({ name, value: String(limit) });
  };
  add(CPU, resources.cpu);
  add(MEMORY, resources.memory);
  add(GPU, gpuCount(resources.gpu));
  add(EPHEMERAL_STORAGE, resources.disk);
  return { requests, limits };
}

function gpuCount(gpu: Resources["gpu"]): number | undefined {
  if (typeof gpu !== "string") return gpu;
  const count = Number(gpu.split(":")[1] ?? 1);
  if (!Number.isInteger(count) || count < 1)
    throw new TypeError(`gpu ${JSON.stringify(gpu)}: write a count, or a device as "A100:2"`);
  return count;
}

export function encodeExtended(
  resources: Resources | undefined,
): Pick<MessageInitShape<typeof TaskTemplateSchema>, "extendedResources"> {
  const device = typeof resources?.gpu === "string" ? resources.gpu.split(":")[0] : undefined;
  const shared = resources?.sharedMemory;
  if (device === undefined && shared === undefined) return {};
  return {
    extendedResources: {
      ...(device === undefined ? {} : { gpuAccelerator: { device: GPU_DEVICES[device] ?? device } }),
      ...(shared === undefined
        ? {}
        : {
            sharedMemory: {
              mountPath: "/dev/shm",
              mountName: "flyte-shm",
              sizeLimit: shared === "auto" ? "" : shared,
            },
          }),
    },
  };
}

/** The names of common devices in clusters. */
const GPU_DEVICES: Readonly<Record<string, string>> = {
  A10: "nvidia-a10",
  A100: "nvidia-tesla-a100",
  A100_80G: "nvidia-a100-80gb",
  A10G: "nvidia-a10g",
  H100: "nvidia-tesla-h100",
  L4: "nvidia-tesla-l4",
  L40s: "nvidia-l40s",
  T4: "nvidia-tesla-t4",
  V100: "nvidia-tesla-v100",
};

export function encodeSecrets(secrets: readonly SecretRequest[]): MessageInitShape<typeof SecretSchema>[] {
  return secrets.map((secret) => ({
    key: secret.key,
    group: secret.group ?? "",
    mountRequirement: secret.mount ? Secret_MountType.FILE : Secret_MountType.ENV_VAR,
    envVar: secretVariable(secret) ?? "",
  }));
}

export function encodeReuse(reuse: ReusePolicy): MessageInitShape<typeof ReusePolicySchema> {
  const { replicas, concurrency, idleTtl, scaledownTtl, scope } = reusePolicyOf(reuse);
  const [minReplicas, maxReplicas] = replicas;
  return {
    minReplicas,
    maxReplicas,
    concurrency,
    idleTtl: encodeDuration(idleTtl),
    scaledownTtl: encodeDuration(scaledownTtl),
    scope: scope === "run" ? ReusePolicy_Scope.RUN : ReusePolicy_Scope.GLOBAL,
  };
}
