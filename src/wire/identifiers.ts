/** Identifiers to and from keys. Every key is checked here, where it enters. */
import { create } from "@bufbuild/protobuf";
import {
  checkActionName,
  checkProjectName,
  checkRunName,
  type ActionKey,
  type ProjectKey,
  type RunKey,
  type TaskKey,
} from "../domain/ids.ts";
import { incomplete } from "./incomplete.ts";
import { requireShortName } from "./short-texts.ts";
import {
  ActionIdentifierSchema,
  RunIdentifierSchema,
  type ActionIdentifier,
  type ProjectIdentifier,
  type RunIdentifier,
} from "./gen/flyteidl2/common/identifier_pb.js";
import { TaskIdentifierSchema, type TaskIdentifier } from "./gen/flyteidl2/task/task_definition_pb.js";

function required<T>(value: T | undefined, what: string): T {
  if (value !== undefined) return value;
  throw incomplete(what);
}

export function decodeProjectId(id: ProjectIdentifier | undefined): ProjectKey {
  const { name, domain } = required(id, "a project");
  return { project: checkProjectName(name, "project"), domain: checkProjectName(domain, "domain") };
}

export function decodeRunId(id: RunIdentifier | undefined): RunKey {
  const { project, domain, name } = required(id, "a run");
  return {
    project: checkProjectName(project, "project"),
    domain: checkProjectName(domain, "domain"),
    run: checkRunName(name),
  };
}

export function decodeActionId(id: ActionIdentifier | undefined): ActionKey {
  const { run, name } = required(id, "an action");
  return { ...decodeRunId(run), action: checkActionName(name) };
}

export function decodeTaskId(id: TaskIdentifier | undefined): TaskKey {
  const { project, domain, name, version } = required(id, "a task");
  if (name === "") throw incomplete("a task");
  return {
    project: checkProjectName(project, "project"),
    domain: checkProjectName(domain, "domain"),
    name: requireShortName(name, "the name of the task"),
    version: requireShortName(version, "the version of the task"),
  };
}

export function encodeRunId(key: RunKey): RunIdentifier {
  return create(RunIdentifierSchema, { project: key.project, domain: key.domain, name: key.run });
}

export function encodeActionId(key: ActionKey): ActionIdentifier {
  return create(ActionIdentifierSchema, { run: encodeRunId(key), name: key.action });
}

export function encodeTaskId(key: TaskKey): TaskIdentifier {
  return create(TaskIdentifierSchema, key);
}
