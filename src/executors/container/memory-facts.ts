/** Which processes of a container were killed for lack of memory, whether it still runs or not. */
import type { MemoryFacts, MemoryKill } from "../../domain/attempt.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { ContainerState, EngineInfo } from "../../containers/types.ts";
import type { AttemptSpec } from "../executor.ts";
import { kernelMemoryKills } from "./kernel-log.ts";

export interface MemoryContext {
  readonly spec: Pick<AttemptSpec, "limits">;
  readonly api: Pick<EngineApi, "onThisMachine">;
  readonly info: EngineInfo;
  readonly stopRequested: boolean;
}

export const SIGKILL_CODE = 137;

/** The kernel's log is read where a process may have been killed: of the whole machine it takes some milliseconds. */
export function memoryOf(
  state: ContainerState,
  { spec, api, info, stopRequested }: MemoryContext,
): MemoryFacts {
  const isLimited = spec.limits.memoryBytes !== undefined;
  // See kernel-log.ts: only there is the engine's "no" not to be trusted, or of a container that still runs.
  const isBlind = isLimited && (info.cgroupVersion === "1" || state.running);
  const isKilled = state.exitCode === SIGKILL_CODE && !stopRequested;
  if (!state.oomKilled && !isBlind && !isKilled) return { outOfMemory: false };
  const kills = api.onThisMachine ? kernelMemoryKills(state.id) : undefined;
  const outOfMemory = state.oomKilled || (kills === undefined ? isBlind && isKilled : hasLimitKill(kills));
  return { outOfMemory, ...(kills !== undefined && kills.length > 0 && { memoryKills: kills }) };
}

function hasLimitKill(kills: readonly MemoryKill[]): boolean {
  return kills.some((kill) => kill.of === "limit");
}
