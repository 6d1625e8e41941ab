/**
 * What a task container is started with: its arguments filled in, and the environment that the stock SDK's
 * runtime `a0` needs (each variable seen in use with flyte 2.12.1).
 */
import { createHash } from "node:crypto";
import type { AttemptOptions } from "../executors/attempt-options.ts";
import type { AttemptSpec } from "../executors/executor.ts";
import type { ActionCode } from "../domain/action-codes.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import type { AttemptKey } from "../domain/attempt.ts";
import type { ResolvedImage } from "../domain/image.ts";
import { capped, limitsOf } from "../domain/resources.ts";
import type { ReusePolicy } from "../domain/reuse-policy.ts";
import type { RunRecord } from "../domain/run.ts";
import { isStrictImage } from "../domain/strict-image.ts";
import type { TaskDefinition } from "../domain/task.ts";
import { warmStartOf } from "../domain/warm-start.ts";
import { isTrustedRun } from "../domain/trust.ts";
import { attemptPrefix, rawDataPrefix } from "./paths.ts";
import { templateFiller, type TemplateValues } from "./template.ts";

/** The SDK asserts that the organisation is not empty inside a container. */
const ORGANISATION = "local";

export interface AttemptContext {
  readonly run: RunRecord;
  readonly action: AttemptedAction;
  readonly definition: TaskDefinition;
  readonly image: ResolvedImage;
  /** By which it reaches the server: see Executor.environmentFor. */
  readonly access: Readonly<Record<string, string>>;
  /** Of a reproduction: which attempt it is run again of, and the prefix below which it writes instead. */
  readonly writes?: { readonly attempt: number; readonly prefix: string };
}

/** What an attempt depends on of its action. */
export type AttemptedAction = Pick<ActionRecord, "key" | "inputUri" | "cpuCap" | "parent"> & {
  readonly state: Pick<ActionRecord["state"], "attempt" | "error">;
};

export function makeAttemptSpec(context: AttemptContext): AttemptSpec {
  const { run, action, definition, writes } = context;
  const key: AttemptKey = { ...action.key, attempt: writes?.attempt ?? action.state.attempt };
  // The run's variables reach every action; a task's own win over them.
  const env = { ...run.settings.env, ...definition.env };
  const isStrict = isStrictImage(env);
  // The program of a black box runs from its first instruction on. After the end of a worker an action runs alone: so it is
  // found out which of those that ran in it ends its process, and no other one fails by that again.
  const isAlone = action.state.error?.code === ("WORKER_ENDED" satisfies ActionCode);
  const warmStart = isStrict || isAlone ? "off" : warmStartOf(env);
  const own = ownVariables(context, key);
  const fill = templateFiller(templateValues(run, action, key, writes?.prefix));
  return {
    key,
    image: context.image,
    command: definition.command.map(fill),
    args: definition.args.map(fill),
    // Ours win over them.
    env: { ...env, ...commonVariables(key), ...own },
    ownVariables: Object.keys(own),
    isStrict,
    ...(warmStart && { warmStart }),
    requests: capped(definition.requests, action.cpuCap),
    limits: capped(limitsOf(definition), action.cpuCap),
    ...(definition.sharedMemoryBytes === undefined
      ? {}
      : { sharedMemoryBytes: definition.sharedMemoryBytes }),
    ...optionsOf(warmStart === "off" ? { ...definition, reuse: undefined } : definition),
    labels: run.settings.labels,
    isTrusted: isTrustedRun(run),
    ...(action.parent === undefined ? {} : { parent: action.parent }),
  };
}

/** What the task says of where and how it runs. */
export function optionsOf(definition: SharedDefinition): AttemptOptions {
  const { podTemplate, reuse } = definition;
  return {
    ...(podTemplate !== undefined && { podTemplate }),
    ...(reuse && { reuse: { ...reuse, shares: sharesOf(definition) } }),
  };
}

type SharedDefinition = Pick<TaskDefinition, "name" | "environment" | "version" | "reads" | "podTemplate"> & {
  readonly reuse?: ReusePolicy | undefined;
};

/**
 * The same for tasks of one environment and one version of its code, with the same policy: they have the same modules. The
 * SDK puts the policy into the version of its workers too (flyte/_internal/runtime/reuse.py).
 */
function sharesOf({ name, environment, version, reads, reuse }: SharedDefinition): string {
  const [first = ""] = name.split(".");
  const policy = Object.entries(reuse ?? {}).map(([part, value]) => `${part}=${value}`);
  const shared = [environment || first, version, reads.toSorted(), policy.toSorted()];
  return createHash("sha256").update(JSON.stringify(shared)).digest("hex").slice(0, 32);
}

function templateValues(
  run: RunRecord,
  action: AttemptedAction,
  key: AttemptKey,
  ownPrefix: string | undefined,
): TemplateValues {
  const prefix = ownPrefix ?? attemptPrefix(run.baseUri, key, key.attempt);
  const raw = ownPrefix === undefined ? run.settings.rawDataPrefix : undefined;
  return {
    input: action.inputUri,
    outputPrefix: prefix,
    rawOutputDataPrefix: raw === undefined ? `${prefix}/raw` : rawDataPrefix(raw, key, key.attempt),
    checkpointOutputPrefix: `${prefix}/checkpoints`,
    prevCheckpointPrefix:
      key.attempt > 1 ? `${attemptPrefix(run.baseUri, key, key.attempt - 1)}/checkpoints` : "",
    runName: key.run,
    actionName: key.action,
    runStartTime: new Date(run.createdAt).toISOString(),
    executionProject: key.project,
    executionDomain: key.domain,
    executionOrg: ORGANISATION,
    podName: `${key.run}-${key.action}-${key.attempt}`,
    perRetryUniqueKey: `${key.run}-${key.action}-${key.attempt}`,
  };
}

/** For `a0`, the same for all attempts of a project and domain. */
function commonVariables(key: AttemptKey): Record<string, string> {
  return {
    _U_USE_ACTIONS: "1",
    _U_ORG_NAME: ORGANISATION,
    FLYTE_INTERNAL_EXECUTION_PROJECT: key.project,
    FLYTE_INTERNAL_EXECUTION_DOMAIN: key.domain,
  };
}

/** For `a0`, of this run and attempt: who it is, and by which it reaches the server. */
function ownVariables(context: AttemptContext, key: AttemptKey): Record<string, string> {
  return {
    ...context.access,
    // Beside it the SDK writes the inputs of children.
    _U_RUN_BASE: context.writes?.prefix ?? context.run.baseUri,
    RUN_NAME: key.run,
    ACTION_NAME: key.action,
    FLYTE_ATTEMPT_NUMBER: String(key.attempt - 1),
  };
}
