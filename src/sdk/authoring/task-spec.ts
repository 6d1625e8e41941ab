/** A task as the server stores it: what runs in which image, with which interface and settings. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { cacheOf } from "./cache.ts";
import { containerArgs } from "./container-args.ts";
import { encodeDuration } from "./duration.ts";
import {
  encodeAttemptPolicy,
  encodeExtended,
  encodeResources,
  encodeReuse,
  encodeSecrets,
} from "./encode-options.ts";
import { encodeInterface } from "./interface.ts";
import { secretsOf, WARM_START_VARIABLE, type ExecutionOptions } from "./options.ts";
import type { TaskDefinition } from "./task.ts";
import { encodeLiteral } from "../../wire/literals/encode.ts";
import { encodeLiteralType } from "../../wire/literals/literal-type.ts";
import { ResourceType } from "../../wire/gen/flyteidl2/core/identifier_pb.js";
import type { SecurityContextSchema } from "../../wire/gen/flyteidl2/core/security_pb.js";
import {
  RuntimeMetadata_RuntimeType,
  type TaskMetadataSchema,
  TaskTemplateSchema,
  type TaskTemplate,
} from "../../wire/gen/flyteidl2/core/tasks_pb.js";
import { TaskSpecSchema, type TaskSpec } from "../../wire/gen/flyteidl2/task/task_definition_pb.js";

/** What a specification depends on besides the task. */
export interface SpecSettings {
  readonly org: string;
  readonly project: string;
  readonly domain: string;
  readonly version: string;
  /** Image references by environment name, and the same in the encoding that containers pass on. */
  readonly images: Readonly<Record<string, string>>;
  readonly imageCache: string;
  readonly bundle: { readonly uri: string; readonly destination: string } | undefined;
  /** Module paths are relative to it. */
  readonly rootDir: string;
  /** Where the source of a module is, at the commit that is checked out; undefined where nothing says. */
  readonly sourceUrlOf?: ((modulePath: string) => string | undefined) | undefined;
}

export const SDK_VERSION = "0.1.0";

export const SHORT_NAME_LENGTH = 63;

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
    documentation: {
      shortDescription: definition.description.slice(0, 255),
      ...sourceCodeOf(definition, settings),
    },
  });
}

function sourceCodeOf({ modulePath }: TaskDefinition, { sourceUrlOf }: SpecSettings) {
  const link = sourceUrlOf?.(modulePath);
  return link === undefined ? {} : { sourceCode: { link } };
}

function encodeTemplate(definition: TaskDefinition, settings: SpecSettings): TaskTemplate {
  return create(TaskTemplateSchema, {
    id: {
      resourceType: ResourceType.TASK,
      org: settings.org,
      project: settings.project,
      domain: settings.domain,
      name: definition.fullName,
      version: settings.version,
    },
    type: TASK_TYPES[definition.kind],
    metadata: encodeMetadata(definition, settings),
    interface: encodeInterface(definition.interface),
    ...(definition.kind === "function" && encodeProgram(definition, settings)),
  });
}

/** Not a message that exists already. */
type TemplateInit = Exclude<MessageInitShape<typeof TaskTemplateSchema>, TaskTemplate>;

/** What runs, and with which rights. */
function encodeProgram(
  definition: TaskDefinition,
  settings: SpecSettings,
): Pick<TemplateInit, "target" | "securityContext" | "extendedResources" | "reusePolicy"> {
  const { environment, options } = definition;
  const image = settings.images[environment.name];
  if (image === undefined) {
    throw new Error(
      `the image of the environment ${environment.name} is not known here; name it in dependsOn of the calling task's environment`,
    );
  }
  const reuse = environment.reusable;
  return {
    target: {
      case: "container",
      value: {
        image,
        args: containerArgs(definition, settings),
        env: Object.entries(variablesOf(definition)).map(([key, value]) => ({ key, value })),
        ...(options.resources === undefined ? {} : { resources: encodeResources(options.resources) }),
      },
    },
    ...encodeSecurity(options),
    ...encodeExtended(options.resources),
    ...(reuse === undefined ? {} : { reusePolicy: encodeReuse(reuse) }),
  };
}

function variablesOf({
  environment: { warmStart },
  options,
}: TaskDefinition): Readonly<Record<string, string>> {
  return { ...(warmStart !== undefined && { [WARM_START_VARIABLE]: warmStart }), ...options.env };
}

/** Python's tasks are of the type "python", which says nothing about how the container is run; its sleeps are as here (domain/sleep.ts). */
const TASK_TYPES: Readonly<Record<TaskDefinition["kind"], string>> = {
  function: "typescript",
  sleep: "core-sleep",
};

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
    ...encodeAttemptPolicy(options),
    ...(options.interruptible === undefined
      ? {}
      : { interruptibleValue: { case: "interruptible" as const, value: options.interruptible } }),
    podTemplateName: options.podTemplate ?? "",
    generatesDeck: definition.report,
    codeBundleUri: settings.bundle?.uri ?? "",
  };
}

type MetadataInit = MessageInitShape<typeof TaskMetadataSchema>;

function encodeSecurity(options: ExecutionOptions): {
  securityContext?: MessageInitShape<typeof SecurityContextSchema>;
} {
  const secrets = secretsOf(options);
  return secrets.length === 0 ? {} : { securityContext: { secrets: encodeSecrets(secrets) } };
}
