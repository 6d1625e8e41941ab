/** The text in place of a log that has no lines: whether they can still come, and why there are none. */
import { attemptIsOver } from "../domain/action.ts";
import { hasRun } from "../domain/attempt.ts";
import type { ActionView } from "./action-view.ts";
import { html, NOTHING, type Html } from "./html.ts";
import type { Unreadable } from "./log-status.ts";

export interface LogStateView extends Pick<ActionView, "attempts" | "log"> {
  readonly record: Pick<ActionView["record"], "kind" | "state">;
  readonly run: Pick<ActionView["run"], "logsRemovedAt">;
}

/** Empty where there are lines, or where no log belongs. */
export function logState(view: LogStateView): Html {
  const { record, run, log } = view;
  if (record.kind !== "task" || run.logsRemovedAt !== undefined) return NOTHING;
  if (log.status.kind === "written") return NOTHING;
  if (log.status.kind === "unreadable") return logUnreadable(log.status);
  if (attemptIsOver(record.state, Math.max(1, log.attempt))) return afterEnd(view);
  const { phase, reason } = record.state;
  const because = reason === undefined ? "" : `: ${reason}`;
  if (log.status.kind === "absent") return words(`Not started yet${because}.`);
  return words(`${phase === "running" ? "Running" : `Starting${because}`}. Nothing has been written yet.`);
}

/** Shown also beside lines that were read before. */
export function logUnreadable({ reason }: Unreadable): Html {
  return html`<p class="problem">
    The log could not be read: ${reason}. The server's own log has the details.
  </p>`;
}

function afterEnd({ record: { state }, attempts, log }: LogStateView): Html {
  if (state.source !== undefined && attempts.length === 0)
    return words("Not run: its result was taken over from another action.");
  const last = Math.max(1, state.attempt);
  if (log.attempt > last) return words(`There is no attempt ${log.attempt}: the last one is ${last}.`);
  const attempt = attempts.find((one) => one.attempt === log.attempt);
  if (attempt !== undefined && hasRun(attempt)) return words("Ended without output.");
  const error = attempt?.error ?? state.error;
  if (error !== undefined) return words("Never started: ", html`<code>${error.code}</code> ${error.message}`);
  if (state.phase !== "aborted") return words("Never started.");
  return words(`Never started: aborted${state.abortReason ? `, ${state.abortReason}` : ""}.`);
}

function words(text: string, more: Html = NOTHING): Html {
  return html`<p class="quiet">${text}${more}</p>`;
}
