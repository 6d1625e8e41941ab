/** Deployed tasks as clients read them. */
import { create } from "@bufbuild/protobuf";
import type { StoredSpec, TaskRecord } from "../domain/task.ts";
import {
  TaskDetailsSchema,
  TaskSchema,
  type Task,
  type TaskDetails,
} from "./gen/flyteidl2/task/task_definition_pb.js";
import { encodeCaller } from "./caller.ts";
import { encodeTaskId } from "./identifiers.ts";
import { encodeTaskSpec } from "./task-spec.ts";
import { encodeTime } from "./time.ts";

export function encodeTask(record: TaskRecord): Task {
  return create(TaskSchema, { taskId: encodeTaskId(record.key), metadata: taskMetadata(record) });
}

export function encodeTaskDetails(record: TaskRecord, spec: StoredSpec): TaskDetails {
  return create(TaskDetailsSchema, {
    taskId: encodeTaskId(record.key),
    metadata: taskMetadata(record),
    spec: encodeTaskSpec(spec),
  });
}

function taskMetadata({ definition, deployedAt, deployedBy }: TaskRecord) {
  return {
    deployedBy: encodeCaller(deployedBy.who),
    shortName: definition.shortName,
    environmentName: definition.environment,
    deployedAt: encodeTime(deployedAt),
  };
}
