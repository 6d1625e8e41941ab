/**
 * The transitions of a task or condition without retries, as a table: what ARCHITECTURE.md draws and the
 * exhaustive test holds `transition` to. "stale": the event changes nothing; absent: it cannot happen.
 */
import { isTerminal, PHASES, type Phase } from "./phase.ts";
import type { ActionEvent } from "./transition.ts";

/**
 * The phases, of which two are divided: waiting_for_resources in the queue, and with an attempt that exists already; running
 * with an attempt at an executor, and sleeping, which needs none.
 */
export type Standing = Phase | "attempt_waiting" | "sleeping";
export const STANDINGS: readonly Standing[] = [...PHASES, "attempt_waiting", "sleeping"];

type Target = Standing | "stale";

const ALL_LIVE = (target: Target) => ({
  queued: target,
  waiting_for_resources: target,
  attempt_waiting: target,
  initializing: target,
  running: target,
  sleeping: target,
  paused: target,
});

/** Reports about an attempt that gave up its slot come too late. */
const GIVEN_UP = { queued: "stale", waiting_for_resources: "stale" } as const;
const LIVE_ATTEMPT = (target: Target) => ({
  ...GIVEN_UP,
  attempt_waiting: target,
  initializing: target,
  running: target,
});

type Row = Partial<Readonly<Record<Standing, Target>>>;

export const TRANSITIONS: Readonly<Record<ActionEvent["type"], Row>> = {
  admitted: { queued: "initializing", waiting_for_resources: "initializing" },
  waiting: { queued: "waiting_for_resources", waiting_for_resources: "waiting_for_resources" },
  parked: { queued: "waiting_for_resources", waiting_for_resources: "waiting_for_resources" },
  unparked: { ...ALL_LIVE("stale"), queued: "queued", waiting_for_resources: "queued" },
  progress: { ...ALL_LIVE("stale"), attempt_waiting: "initializing", initializing: "initializing" },
  started: { ...LIVE_ATTEMPT("running"), running: "stale", sleeping: "stale" },
  attemptSucceeded: LIVE_ATTEMPT("succeeded"),
  attemptFailed: LIVE_ATTEMPT("failed"),
  attemptLost: LIVE_ATTEMPT("queued"),
  attemptWaiting: { ...LIVE_ATTEMPT("attempt_waiting"), running: "stale", sleeping: "stale" },
  attemptPreempted: LIVE_ATTEMPT("queued"),
  attemptParked: LIVE_ATTEMPT("waiting_for_resources"),
  abortRequested: ALL_LIVE("aborted"),
  timerFired: ALL_LIVE("timed_out"),
  slept: { sleeping: "succeeded" },
  signalled: { paused: "succeeded" },
  cacheHit: { queued: "succeeded", waiting_for_resources: "succeeded" },
};

/** Where sleeps differ: they need no slot and no attempt at an executor. */
export const OF_SLEEPS: Partial<typeof TRANSITIONS> = {
  admitted: { queued: "sleeping", waiting_for_resources: "sleeping" },
};

/** Where a retry is left; `timerFired`: of the limit of an attempt. */
export const RETRIED: Partial<typeof TRANSITIONS> = {
  attemptFailed: LIVE_ATTEMPT("queued"),
  timerFired: { running: "queued", sleeping: "queued" },
};

/** The chart in Mermaid's notation, one line per edge. */
export function chartOf(): string {
  const edges = new Map<string, string[]>();
  const draw = (table: Partial<typeof TRANSITIONS>, note: string) => {
    for (const [event, row] of Object.entries(table)) {
      for (const [from, to] of Object.entries(row)) {
        if (to === "stale" || to === from) continue;
        const edge = `${from} --> ${to}`;
        edges.set(edge, [...(edges.get(edge) ?? []), `${event}${note}`]);
      }
    }
  };
  draw(TRANSITIONS, "");
  draw(OF_SLEEPS, " (sleep)");
  draw(RETRIED, " (retry)");
  const lines = [...edges].map(([edge, events]) => `  ${edge}: ${events.join(", ")}`);
  const ends = PHASES.filter(isTerminal).map((phase) => `  ${phase} --> [*]`);
  return [
    "stateDiagram-v2",
    '  state "waiting_for_resources, the attempt is made" as attempt_waiting',
    '  state "running, a sleep" as sleeping',
    "  [*] --> queued: task",
    "  [*] --> initializing: task that waits for nothing",
    "  [*] --> sleeping: sleep",
    "  [*] --> succeeded: sleep of 0 s",
    "  [*] --> paused: condition",
    ...lines,
    ...ends,
  ].join("\n");
}
