/**
 * The states of one attempt as its executor sees it, and the transitions between them: one chart for containers, for
 * processes, and for executors to come. `Handle` is the executor's handle of an attempt that exists: a container, a pod.
 *
 *   finding ⇄ pulling
 *      ├→ created → starting → running ──┐
 *      │                          └→ stopping → ending → ended
 *      └→ running, ending: what an earlier server has started
 *
 * A detach (the server stops, or somebody else takes over) leads from every state but `ended` to `detached`.
 * A restart begins in `finding`, whatever the state was: no state is stored, the container or process is inspected.
 */
import type { AttemptExit } from "../domain/attempt.ts";

/** Searches for what an earlier start has left, and creates the container, or the like, where there is nothing. */
export interface Finding {
  readonly name: "finding";
}

/** The image is being pulled. A stop does not cancel the pull, since other attempts may wait for it. */
export interface Pulling {
  readonly name: "pulling";
}

/** It is created and its process has never run. A cluster's attempt waits here until it has a node. */
export interface Created<Handle> {
  readonly name: "created";
  readonly handle: Handle;
}

/** The start was requested and cannot be cancelled: a stop is carried out once the process runs. */
export interface Starting<Handle> {
  readonly name: "starting";
  readonly handle: Handle;
}

/** The process runs. `startedAt` is unknown where an engine does not report it for a container that is taken up. */
export interface Running<Handle> {
  readonly name: "running";
  readonly handle: Handle;
  readonly startedAt: number | undefined;
}

/** It was signalled to end, and has not ended yet. A further stop is passed on: the shortest grace period counts. */
export interface Stopping<Handle> {
  readonly name: "stopping";
  readonly handle: Handle;
}

/** The process is over. What is left of its log is read, and its end is judged; a stop changes nothing. */
export interface Ending<Handle> {
  readonly name: "ending";
  readonly handle: Handle;
  readonly startedAt: number | undefined;
}

/** Final: the end was reported. The container, or the like, stays until it is released. */
export interface Ended {
  readonly name: "ended";
  readonly exit: AttemptExit;
}

/** Final: nothing more is reported. The process goes on, and a later start takes it up. */
export interface Detached {
  readonly name: "detached";
}

export type AttemptState<Handle> =
  | Finding
  | Pulling
  | Created<Handle>
  | Starting<Handle>
  | Running<Handle>
  | Stopping<Handle>
  | Ending<Handle>
  | Ended
  | Detached;

export type StateName = AttemptState<unknown>["name"];

/** Where each state may lead. An executor's steps are typed by it, so that another move cannot be written. */
export const MOVES = {
  finding: ["pulling", "created", "running", "ending", "ended", "detached"],
  pulling: ["finding", "ended", "detached"],
  created: ["starting", "ended", "detached"],
  starting: ["running", "ended", "detached"],
  running: ["stopping", "ending", "ended", "detached"],
  stopping: ["ending", "ended", "detached"],
  ending: ["ended", "detached"],
  ended: [],
  detached: [],
} as const satisfies Record<StateName, readonly StateName[]>;

/**
 * What a stop does to the work of a state: it interrupts it, is carried out in the next state, or is passed on as
 * a signal. A result that the work reaches in spite of the interruption still counts.
 */
export const ON_STOP = {
  finding: "interrupt",
  pulling: "interrupt",
  created: "interrupt",
  starting: "wait",
  running: "interrupt",
  stopping: "signal",
  ending: "wait",
  ended: "nothing",
  detached: "nothing",
} as const satisfies Record<StateName, "interrupt" | "wait" | "signal" | "nothing">;

export type Named<Handle, Name extends StateName> = Extract<AttemptState<Handle>, { name: Name }>;

/** What a step from this state may resolve with. A detach is not the result of a step. */
export type After<Handle, Name extends StateName> = Named<
  Handle,
  Exclude<(typeof MOVES)[Name][number], "detached" | "stopping">
>;

export function isFinal<Handle>(state: AttemptState<Handle>): state is Ended | Detached {
  return MOVES[state.name].length === 0;
}

export function mayMove(from: StateName, to: StateName): boolean {
  return (MOVES[from] as readonly StateName[]).includes(to);
}

/** Where a state leads once a stop was asked for: nothing is started any more, and what runs is ended. */
export function underStop<Handle>(state: AttemptState<Handle>): AttemptState<Handle> {
  switch (state.name) {
    case "finding":
    case "pulling":
    case "created":
      return { name: "ended", exit: STOPPED_BEFORE_START };
    case "running":
      return { name: "stopping", handle: state.handle };
    case "starting":
    case "stopping":
    case "ending":
    case "ended":
    case "detached":
      return state;
  }
}

const STOPPED_BEFORE_START: AttemptExit = {
  reason: "lost",
  outOfMemory: false,
  code: "STOPPED_BEFORE_START",
  message: "it was stopped before it was started",
};
