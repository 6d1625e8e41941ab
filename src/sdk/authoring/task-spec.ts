/** A task as the server stores it: what runs in which image, with which interface and settings. */
import { relative, resolve, sep } from "node:path";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { cacheOf } from "./cache.ts";
import { encodeDuration } from "./duration.ts";
import { encodeInterface } from "./interface.ts";
import {
  retryPolicyOf,
  secretsOf,
  secretVariable,
  timeoutsOf,
  type ExecutionOptions,
  type Resources,
  type RetryPolicy,
  type ReusePolicy,
  type SecretRequest,
  type Timeouts,
} from "./options.ts";
import { sharedState } from "./state.ts";
import { definitionOf, type TaskDefinition } from "./task.ts";
import { encodeLiteral } from "../../wire/literals/encode.ts";
import { encodeLiteralType } from "../../wire/literals/literal-type.ts";
import type { RetryStrategySchema } from "../../wire/gen/flyteidl2/core/literals_pb.js";
import {
  Secret_MountType,
  type SecretSchema,
  type SecurityContextSchema,
} from "../../wire/gen/flyteidl2/core/security_pb.js";
import {
  Resources_ResourceName,
  type ReusePolicySchema,
  RuntimeMetadata_RuntimeType,
  type TaskMetadataSchema,
  TaskTemplateSchema,
  type Resources_ResourceEntry,
  type TaskTemplate,
} from "../../wire/gen/flyteidl2/core/tasks_pb.js";
import { ResourceType } from "../../wire/gen/flyteidl2/core/identifier_pb.js";
import { TaskSpecSchema, type TaskSpec } from "../../wire/gen/flyteidl2/task/task_definition_pb.js";

/** What a spec depends on besides the task. */
export interface SpecSettings {
  readonly org: string;
  readonly project: string;
  readonly domain: string;
  readonly version: string;
  /** Image addresses by environment name, and the same in the form in which containers hand it on. */
  readonly images: Readonly<Record<string, string>>;
  readonly imageCache: string;
  readonly bundle: { readonly uri: string; readonly destination: string } | undefined;
  /** Module paths are relative to it. */
  readonly rootDir: string;
}

export const SDK_VERSION = "0.1.0";

const SHORT_NAME_LENGTH = 63;

export function encodeTaskSpec(definition: TaskDefinition, settings: SpecSettings): TaskSpec {
  return create(TaskSpecSchema, {
    taskTemplate: encodeTemplate(definition, settings),
    defaultInputs: definition.interface.inputs
      .filter((input) => input.defaultValue !== undefined)
      .map((input) => ({
        name: input.name,
        parameter: {
          var: { type: encodeLiteralType(input.type), description: input.description },
          behavior: {
            case: "default" as const,
            value: encodeLiteral(
              input.defaultValue?.value,
              input.type,
              `${definition.fullName}, default of ${input.name}`,
            ),
          },
        },
      })),
    shortName: definition.shortName.slice(0, SHORT_NAME_LENGTH),
    environment: {
      name: definition.environment.name.slice(0, SHORT_NAME_LENGTH),
      description: definition.environment.description,
    },
    documentation: { shortDescription: definition.description.slice(0, 255) },
  });
}

function encodeTemplate(definition: TaskDefinition, settings: SpecSettings): TaskTemplate {
  const { environment, options } = definition;
  const image = settings.images[environment.name];
  if (image === undefined) {
    throw new Error(
      `the image of the environment ${environment.name} is not known here; name it in dependsOn of the calling task's environment`,
    );
  }
  const reuse = environment.reusable;
  return create(TaskTemplateSchema, {
    id: {
      resourceType: ResourceType.TASK,
      org: settings.org,
      project: settings.project,
      domain: settings.domain,
      name: definition.fullName,
      version: settings.version,
    },
    type: TASK_TYPE,
    metadata: encodeMetadata(definition, settings),
    interface: encodeInterface(definition.interface),
    target: {
      case: "container",
      value: {
        image,
        args: containerArgs(definition, settings),
        env: Object.entries(options.env ?? {}).map(([key, value]) => ({ key, value })),
        ...(options.resources === undefined ? {} : { resources: encodeResources(options.resources) }),
      },
    },
    ...encodeSecurity(options),
    ...encodeExtended(options.resources),
    ...(reuse === undefined ? {} : { reusePolicy: encodeReuse(reuse) }),
  });
}

/** Python's tasks are of the type "python"; the type says nothing about how the container is run. */
export const TASK_TYPE = "typescript";

function encodeMetadata(definition: TaskDefinition, settings: SpecSettings): MetadataInit {
  const { options } = definition;
  const cache = cacheOf(definition);
  return {
    runtime: { type: RuntimeMetadata_RuntimeType.FLYTE_SDK, version: SDK_VERSION, flavor: "typescript" },
    discoverable: cache.enabled,
    discoveryVersion: cache.version,
    cacheSerializable: cache.serialize,
    cacheIgnoreInputVars: [...cache.ignoredInputs],
    ...(cache.maxAge === undefined ? {} : { cacheMaxAge: encodeDuration(cache.maxAge) }),
    retries: encodeRetries(retryPolicyOf(options)),
    ...encodeTimeouts(timeoutsOf(options)),
    ...(options.interruptible === undefined
      ? {}
      : { interruptibleValue: { case: "interruptible" as const, value: options.interruptible } }),
    generatesDeck: definition.report,
    codeBundleUri: settings.bundle?.uri ?? "",
  };
}

type MetadataInit = MessageInitShape<typeof TaskMetadataSchema>;

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

export function encodeTimeouts(timeouts: Timeouts): Pick<MetadataInit, "timeout" | "timeouts"> {
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

/** The command line of the container: that of Python's `a0`, but for the program and the resolver. */
export function containerArgs(definition: TaskDefinition, settings: SpecSettings): string[] {
  return [
    "a0-ts",
    "--inputs",
    "{{.input}}",
    "--outputs-path",
    "{{.outputPrefix}}",
    "--version",
    settings.version,
    "--raw-data-path",
    "{{.rawOutputDataPrefix}}",
    "--checkpoint-path",
    "{{.checkpointOutputPrefix}}",
    "--prev-checkpoint",
    "{{.prevCheckpointPrefix}}",
    "--run-name",
    "{{.runName}}",
    "--name",
    "{{.actionName}}",
    "--run-start-time",
    "{{.runStartTime}}",
    "--image-cache",
    settings.imageCache,
    ...(settings.bundle === undefined
      ? []
      : ["--tgz", settings.bundle.uri, "--dest", settings.bundle.destination]),
    "--resolver",
    "ts",
    "mod",
    modulePathIn(definition, settings.rootDir),
    "export",
    exportOf(definition),
  ];
}

/** Relative, with slashes: the same in every container. */
export function modulePathIn(definition: TaskDefinition, rootDir: string): string {
  const path = relative(resolve(rootDir), definition.modulePath);
  if (path.startsWith("..") || resolve(path) === path) {
    throw new Error(
      `${definition.fullName} is defined in ${definition.modulePath}, outside of the root folder ${rootDir}; set rootDir in initFromConfig`,
    );
  }
  return path.split(sep).join("/");
}

/**
 * The task's name is what the runtime looks for: among the module's exports first, then among the
 * tasks that the module defined. The full name, if the module has two tasks of that name.
 */
function exportOf(definition: TaskDefinition): string {
  const namesakes = [...sharedState().tasks.values()].filter((task) => {
    const other = definitionOf(task);
    return other.name === definition.name && other.modulePath === definition.modulePath;
  });
  return namesakes.length > 1 ? definition.fullName : definition.name;
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
    // A single value is asked for and is the limit: a task gets what it was tested with.
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

/** The names under which clusters know the usual devices. */
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

function encodeSecurity(options: ExecutionOptions): {
  securityContext?: MessageInitShape<typeof SecurityContextSchema>;
} {
  const secrets = secretsOf(options);
  return secrets.length === 0 ? {} : { securityContext: { secrets: encodeSecrets(secrets) } };
}

export function encodeSecrets(secrets: readonly SecretRequest[]): MessageInitShape<typeof SecretSchema>[] {
  return secrets.map((secret) => ({
    key: secret.key,
    group: secret.group ?? "",
    mountRequirement: secret.mount ? Secret_MountType.FILE : Secret_MountType.ENV_VAR,
    envVar: secretVariable(secret) ?? "",
  }));
}

function encodeReuse(reuse: ReusePolicy): MessageInitShape<typeof ReusePolicySchema> {
  const [min, max] = typeof reuse.replicas === "number" ? [reuse.replicas, reuse.replicas] : reuse.replicas;
  return {
    minReplicas: min,
    maxReplicas: max,
    concurrency: reuse.concurrency ?? 1,
    ...(reuse.idleTtl === undefined ? {} : { idleTtl: encodeDuration(reuse.idleTtl) }),
    ...(reuse.scaledownTtl === undefined ? {} : { scaledownTtl: encodeDuration(reuse.scaledownTtl) }),
  };
}
