/** Which limits a container met: of memory, for which processes were killed, and of processes. It may still run. */
import type { LimitFacts, MemoryKill } from "../../domain/attempt.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { ContainerState, EngineInfo } from "../../containers/types.ts";
import type { AttemptSpec } from "../executor.ts";
import { confine, type ConfinementPolicy } from "./confinement.ts";
import { systemClock } from "../../lib/clock.ts";
import { isForkRefusedIn, memoryKillsIn, readKernelLog, recordsSince } from "./kernel-log.ts";

export interface LimitContext {
  readonly spec: AttemptSpec;
  readonly policy: ConfinementPolicy;
  readonly api: Pick<EngineApi, "onThisMachine">;
  readonly info: EngineInfo;
  readonly stopRequested: boolean;
  /** Where others have used the container before: since when it is the attempt's, in milliseconds since the epoch. */
  readonly sinceMs?: number;
}

export const SIGKILL_CODE = 137;

/**
 * The kernel's log is read where a process may have been killed or refused, which is so of each that failed: of the whole
 * machine it takes some milliseconds.
 */
export function limitFactsOf(state: ContainerState, context: LimitContext): LimitFacts {
  const { spec, policy, api, info, stopRequested } = context;
  const isLimited = spec.limits.memoryBytes !== undefined;
  // See kernel-log.ts: only there is the engine's "no" not to be trusted, or of a container that still runs.
  const isBlind = isLimited && (info.cgroupVersion === "1" || state.running);
  const isFailed = state.running || state.exitCode !== 0;
  if (!state.oomKilled && !isBlind && !isFailed) return { outOfMemory: false };
  const isKilled = state.exitCode === SIGKILL_CODE && !stopRequested;
  const all = api.onThisMachine ? readKernelLog() : undefined;
  const log =
    all === undefined || context.sinceMs === undefined ? all : recordsSince(all, context.sinceMs, present());
  const kills = log === undefined ? undefined : memoryKillsIn(log, state.id);
  const outOfMemory = state.oomKilled || (kills === undefined ? isBlind && isKilled : hasLimitKill(kills));
  const isRefused = isFailed && log !== undefined && isForkRefusedIn(log, state.id);
  return {
    outOfMemory,
    ...(kills !== undefined && kills.length > 0 && { memoryKills: kills }),
    ...(isRefused && { processLimit: confine(spec, policy).maxProcesses }),
  };
}

function present(): { readonly nowMs: number; readonly sinceBootMs: number } {
  return { nowMs: systemClock.now(), sinceBootMs: Number(process.hrtime.bigint() / 1_000_000n) };
}

function hasLimitKill(kills: readonly MemoryKill[]): boolean {
  return kills.some((kill) => kill.of === "limit");
}
