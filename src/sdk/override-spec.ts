/** Settings of a caller over the specification of a deployed task. */
import { clone, create } from "@bufbuild/protobuf";
import { encodeDuration } from "./duration.ts";
import { retryPolicyOf, timeoutsOf, type ExecutionOptions } from "./options.ts";
import { encodeResources } from "./task-spec.ts";
import { KeyValuePairSchema, RetryStrategySchema } from "../wire/gen/flyteidl2/core/literals_pb.js";
import { ResourcesSchema, TaskMetadataSchema } from "../wire/gen/flyteidl2/core/tasks_pb.js";
import { TaskSpecSchema, type TaskSpec } from "../wire/gen/flyteidl2/task/task_definition_pb.js";

/** Only what can be said without the task's code: resources, environment, retries, timeout, cache off. */
export function overrideSpec(deployed: TaskSpec, options: ExecutionOptions): TaskSpec {
  if (Object.keys(options).length === 0) return deployed;
  const spec = clone(TaskSpecSchema, deployed);
  const template = spec.taskTemplate;
  if (template === undefined) return spec;
  template.metadata ??= create(TaskMetadataSchema);
  if (options.retries !== undefined) {
    template.metadata.retries = create(RetryStrategySchema, { retries: retryPolicyOf(options).count });
  }
  const { maxRuntime } = timeoutsOf(options);
  if (maxRuntime !== undefined) template.metadata.timeout = encodeDuration(maxRuntime);
  if (options.cache === "disable") template.metadata.discoverable = false;
  if (template.target.case === "container") {
    const container = template.target.value;
    if (options.resources !== undefined)
      container.resources = create(ResourcesSchema, encodeResources(options.resources));
    for (const [key, value] of Object.entries(options.env ?? {})) {
      container.env = container.env.filter((pair) => pair.key !== key);
      container.env.push(create(KeyValuePairSchema, { key, value }));
    }
  }
  return spec;
}
