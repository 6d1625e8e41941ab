/** Applies a caller's settings to the specification of a deployed task. */
import { clone, create } from "@bufbuild/protobuf";
import { encodeDuration } from "./duration.ts";
import { retryPolicyOf, secretsOf, timeoutsOf, type CachePolicy, type ExecutionOptions } from "./options.ts";
import type { TaskOverride } from "./task.ts";
import { SHORT_NAME_LENGTH } from "./task-spec.ts";
import {
  encodeExtended,
  encodeResources,
  encodeRetries,
  encodeSecrets,
  encodeTimeouts,
} from "./encode-options.ts";
import { KeyValuePairSchema, RetryStrategySchema } from "../../wire/gen/flyteidl2/core/literals_pb.js";
import { SecretSchema, SecurityContextSchema } from "../../wire/gen/flyteidl2/core/security_pb.js";
import {
  ExtendedResourcesSchema,
  ResourcesSchema,
  TaskMetadataSchema,
  type Container,
  type TaskMetadata,
} from "../../wire/gen/flyteidl2/core/tasks_pb.js";
import { TaskSpecSchema, type TaskSpec } from "../../wire/gen/flyteidl2/task/task_definition_pb.js";

/** All settings that do not need the task's code. The queue is not one of them: it belongs to the call. */
export function overrideSpec(deployed: TaskSpec, options: TaskOverride): TaskSpec {
  const spec = clone(TaskSpecSchema, deployed);
  const template = spec.taskTemplate;
  if (template === undefined) return spec;
  if (options.shortName !== undefined) spec.shortName = options.shortName.slice(0, SHORT_NAME_LENGTH);
  template.metadata ??= create(TaskMetadataSchema);
  overrideMetadata(template.metadata, options);
  if (options.secrets !== undefined) {
    const secrets = encodeSecrets(secretsOf(options)).map((secret) => create(SecretSchema, secret));
    template.securityContext ??= create(SecurityContextSchema);
    template.securityContext.secrets = secrets;
  }
  if (options.resources !== undefined) {
    const { extendedResources } = encodeExtended(options.resources);
    template.extendedResources = extendedResources && create(ExtendedResourcesSchema, extendedResources);
  }
  if (template.target.case === "container") overrideContainer(template.target.value, options);
  return spec;
}

function overrideMetadata(metadata: TaskMetadata, options: ExecutionOptions): void {
  if (options.retries !== undefined)
    metadata.retries = create(RetryStrategySchema, encodeRetries(retryPolicyOf(options)));
  if (options.timeout !== undefined) {
    const { timeout, timeouts } = create(TaskMetadataSchema, encodeTimeouts(timeoutsOf(options)));
    Object.assign(metadata, { timeout, timeouts });
  }
  if (options.interruptible !== undefined)
    metadata.interruptibleValue = { case: "interruptible", value: options.interruptible };
  if (options.podTemplate !== undefined) metadata.podTemplateName = options.podTemplate;
  if (options.cache !== undefined) overrideCache(metadata, options.cache);
}

/** The version of the deployed code stays, unless the caller names one. */
function overrideCache(metadata: TaskMetadata, cache: "auto" | "disable" | CachePolicy): void {
  metadata.discoverable = cache !== "disable";
  if (typeof cache === "string") return;
  const salt = cache.salt === undefined ? "" : `-${cache.salt}`;
  metadata.discoveryVersion = cache.version ?? `${metadata.discoveryVersion}${salt}`;
  metadata.cacheSerializable = cache.serialize ?? metadata.cacheSerializable;
  metadata.cacheIgnoreInputVars = [...(cache.ignoredInputs ?? metadata.cacheIgnoreInputVars)];
  if (cache.maxAge !== undefined) metadata.cacheMaxAge = encodeDuration(cache.maxAge);
}

function overrideContainer(container: Container, options: ExecutionOptions): void {
  if (options.resources !== undefined)
    container.resources = create(ResourcesSchema, encodeResources(options.resources));
  for (const [key, value] of Object.entries(options.env ?? {})) {
    container.env = container.env.filter((pair) => pair.key !== key);
    container.env.push(create(KeyValuePairSchema, { key, value }));
  }
}
