/** Phases, kinds and sources to and from the enum numbers of flyteidl2. */
import type { ActionKind, BlameKind, CacheStatus } from "../domain/action.ts";
import { PHASES, type Phase } from "../domain/phase.ts";
import { ActionPhase } from "./gen/flyteidl2/common/phase_pb.js";
import { CatalogCacheStatus } from "./gen/flyteidl2/core/catalog_pb.js";
import { ExecutionError_ErrorKind } from "./gen/flyteidl2/core/execution_pb.js";
import { ActionType, ErrorInfo_Kind, RunSource } from "./gen/flyteidl2/workflow/run_definition_pb.js";

const PHASE_NUMBERS = {
  queued: ActionPhase.QUEUED,
  waiting_for_resources: ActionPhase.WAITING_FOR_RESOURCES,
  initializing: ActionPhase.INITIALIZING,
  running: ActionPhase.RUNNING,
  paused: ActionPhase.PAUSED,
  succeeded: ActionPhase.SUCCEEDED,
  failed: ActionPhase.FAILED,
  aborted: ActionPhase.ABORTED,
  timed_out: ActionPhase.TIMED_OUT,
  recovered: ActionPhase.RECOVERED,
} as const satisfies Record<Phase, ActionPhase>;

export function encodePhase(phase: Phase): ActionPhase {
  return PHASE_NUMBERS[phase];
}

export function decodePhase(number: ActionPhase): Phase | undefined {
  return PHASES.find((phase) => PHASE_NUMBERS[phase] === number);
}

const TYPES = {
  task: ActionType.TASK,
  trace: ActionType.TRACE,
  condition: ActionType.CONDITION,
} as const satisfies Record<ActionKind, ActionType>;

export function encodeActionType(kind: ActionKind): ActionType {
  return TYPES[kind];
}

export function decodeActionType(number: ActionType): ActionKind | undefined {
  return (Object.keys(TYPES) as ActionKind[]).find((kind) => TYPES[kind] === number);
}

const CACHE = {
  disabled: CatalogCacheStatus.CACHE_DISABLED,
  miss: CatalogCacheStatus.CACHE_MISS,
  hit: CatalogCacheStatus.CACHE_HIT,
  populated: CatalogCacheStatus.CACHE_POPULATED,
  skipped: CatalogCacheStatus.CACHE_SKIPPED,
} as const satisfies Record<CacheStatus, CatalogCacheStatus>;

export function encodeCacheStatus(status: CacheStatus): CatalogCacheStatus {
  return CACHE[status];
}

const BLAME = {
  user: ErrorInfo_Kind.USER,
  system: ErrorInfo_Kind.SYSTEM,
  unknown: ErrorInfo_Kind.UNSPECIFIED,
} as const satisfies Record<BlameKind, ErrorInfo_Kind>;

export function encodeBlame(kind: BlameKind): ErrorInfo_Kind {
  return BLAME[kind];
}

const EXECUTION_BLAME = {
  user: ExecutionError_ErrorKind.USER,
  system: ExecutionError_ErrorKind.SYSTEM,
  unknown: ExecutionError_ErrorKind.UNKNOWN,
} as const satisfies Record<BlameKind, ExecutionError_ErrorKind>;

export function encodeExecutionBlame(kind: BlameKind): ExecutionError_ErrorKind {
  return EXECUTION_BLAME[kind];
}

const SOURCES: Readonly<Record<string, RunSource>> = {
  web: RunSource.WEB,
  cli: RunSource.CLI,
  schedule: RunSource.SCHEDULE_TRIGGER,
  tracked: RunSource.TRACKED,
  artifact: RunSource.ARTIFACT_TRIGGER,
};

export function encodeSource(source: string): RunSource {
  return SOURCES[source] ?? RunSource.UNSPECIFIED;
}

export function decodeSource(source: RunSource): string {
  return Object.keys(SOURCES).find((name) => SOURCES[name] === source) ?? "";
}
