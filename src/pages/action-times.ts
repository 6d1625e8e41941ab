/**
 * The times of an action, and of a run by its root action. Each has one meaning on all pages, and that of the
 * protocol's start_time and duration:
 *
 * - Created: the server accepted it.
 * - Started: its first attempt left the queue. The pull of its image counts; a condition starts when it is created.
 * - Queued for: from created to started.
 * - Duration: from started to ended. What never started has none.
 */
import type { ActionRecord } from "../domain/action-record.ts";
import { html, type Html } from "./html.ts";
import { durationText, timeText } from "./parts.ts";

export interface ActionTimes {
  readonly created: Html;
  /** Undefined for what has no queue. */
  readonly queuedFor: Html | undefined;
  readonly started: Html;
  readonly ended: Html | undefined;
  readonly duration: Html;
}

export function startedAt({ kind, state }: Pick<ActionRecord, "kind" | "state">): number | undefined {
  return kind === "condition" ? state.createdAt : state.startedAt;
}

export function actionTimes(action: Pick<ActionRecord, "kind" | "state">, nowMs: number): ActionTimes {
  const { createdAt, endedAt } = action.state;
  const started = startedAt(action);
  return {
    created: timeText(createdAt),
    queuedFor: action.kind === "task" ? durationText(createdAt, started ?? endedAt, nowMs) : undefined,
    started: started === undefined ? html`<span class="quiet">not started</span>` : timeText(started),
    ended: endedAt === undefined ? undefined : timeText(endedAt),
    duration:
      started === undefined ? html`<span class="quiet">–</span>` : durationText(started, endedAt, nowMs),
  };
}
