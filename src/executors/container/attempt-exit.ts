/** What an ended container means for its attempt. */
import type { AttemptExit } from "../../domain/attempt.ts";
import type { ActionCode } from "../../domain/action-codes.ts";
import type { AttemptSpec } from "../executor.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { ContainerState, EngineInfo, EngineName } from "../../containers/types.ts";
import type { ConfinementPolicy } from "./confinement.ts";
import type { Outage } from "./engine-retry.ts";
import { limitFactsOf } from "./limit-facts.ts";
import type { LogWriter } from "./log-writer.ts";
import { outputFailure } from "./start-failure.ts";

export interface ExitContext {
  readonly spec: AttemptSpec;
  readonly policy: ConfinementPolicy;
  readonly api: EngineApi;
  readonly info: EngineInfo;
  readonly tail: LogWriter;
  /** Of one in a worker: since when the container is the attempt's. It was started before, with the worker's arguments. */
  readonly inWorkerSinceMs?: number | undefined;
  readonly stopRequested: boolean;
  /** The last time that the engine was found unreachable, if ever. */
  readonly outage: Outage | undefined;
}

/** Exit codes of processes that an engine ends when it is stopped. */
const ENGINE_STOP_CODES: readonly number[] = [137, 143, 255];

export function attemptExit(state: ContainerState, context: ExitContext): AttemptExit {
  const { inWorkerSinceMs = state.startedAt } = context;
  const times = timesOf({ ...state, startedAt: inWorkerSinceMs });
  const lost = lostReason(state, context);
  if (lost !== undefined) return { reason: "lost", outOfMemory: false, ...lost, ...times };
  const notStarted = couldNotExecute(state, context);
  if (notStarted !== undefined) return { ...notStarted, ...times };
  return {
    reason: "exited",
    exitCode: state.exitCode,
    ...limitFactsOf(state, context),
    ...(context.inWorkerSinceMs === undefined && entrypointOf(state, context.spec)),
    ...times,
  };
}

/** `name`: of the container. */
export function removed(name: string): AttemptExit {
  const message = `the container ${name} was removed by someone else while it ran`;
  return { reason: "lost", outOfMemory: false, code: "CONTAINER_REMOVED", message };
}

/** Of a container that an earlier server has left: Podman has it, and cannot inspect it. It goes when the attempt is released. */
export function storageLost(name: string): AttemptExit {
  const message = `the engine lost the container's storage (${name}), and the attempt may have begun in it`;
  return { reason: "lost", outOfMemory: false, code: "ENGINE_FAILED", message };
}

/** Podman: by a container of another tool that shares its storage. */
export function nameInUse(name: string, engine: EngineName): AttemptExit {
  return {
    reason: "lost",
    outOfMemory: false,
    code: "ENGINE_FAILED",
    message: `the name ${name} is in use in ${engine}, although no container has it`,
    hint: `remove what has it: ${engine} rm --force ${name}`,
  };
}

function lostReason(
  state: ContainerState,
  context: ExitContext,
): { code: ActionCode; message: string } | undefined {
  // After a restart of the machine Podman shows containers that ran as created, or with no exit code.
  const everRan = state.startedAt !== undefined;
  if ((state.status === "created" && everRan) || state.exitCode < 0) {
    return {
      code: "MACHINE_RESTARTED",
      message: "the container was running when the machine or its engine went down",
    };
  }
  if (state.status === "dead" || state.status === "removing") {
    return { code: "CONTAINER_REMOVED", message: "the container was being removed by someone else" };
  }
  const { outage, stopRequested } = context;
  const endedInOutage = outage !== undefined && isWithin(outage, state.endedAt ?? 0);
  if (endedInOutage && !stopRequested && ENGINE_STOP_CODES.includes(state.exitCode)) {
    return {
      code: "ENGINE_RESTARTED",
      message: `the container engine was restarted and ended the container (exit code ${state.exitCode})`,
    };
  }
  return undefined;
}

/** With a second on both sides, since the clocks of the engine and of this machine need not agree to the millisecond. */
function isWithin({ sinceMs, untilMs }: Outage, atMs: number): boolean {
  return sinceMs - 1000 <= atMs && atMs <= untilMs + 1000;
}

/** runc reports what it cannot execute as the container's only output, after a start that succeeded. */
function couldNotExecute({ exitCode }: ContainerState, context: ExitContext): AttemptExit | undefined {
  const { spec, api, tail } = context;
  if ((exitCode !== 1 && exitCode !== 255) || tail.lines !== 1) return undefined;
  return outputFailure(tail.lastLine, {
    spec,
    engine: api.engine,
    notedExitCode: exitCode,
    foreignPlatform: undefined,
  });
}

/** What ran in front of the attempt's own arguments. */
function entrypointOf(
  { commandLine }: ContainerState,
  { command, args }: AttemptSpec,
): Pick<AttemptExit, "entrypoint"> {
  const entrypoint = commandLine.slice(0, commandLine.length - args.length);
  return command.length > 0 || commandLine.length < args.length ? {} : { entrypoint };
}

/** The engines' clocks are coarse: an end may seem to precede its start by some milliseconds. */
function timesOf({ startedAt, endedAt }: ContainerState): { startedAt?: number; endedAt?: number } {
  return {
    ...(startedAt !== undefined && { startedAt }),
    ...(endedAt !== undefined && { endedAt: Math.max(endedAt, startedAt ?? 0) }),
  };
}
