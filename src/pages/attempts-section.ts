/** Each attempt with what happened to it, phase by phase. */
import { isSleeping } from "../domain/action.ts";
import { phaseOfOutcome } from "../domain/outcome/judge.ts";
import { provenanceOf } from "../domain/provenance.ts";
import { isTerminal } from "../domain/phase.ts";
import { isSleepTask } from "../domain/sleep.ts";
import type { AttemptRecord, PhaseChange } from "../domain/attempt.ts";
import type { ActionView } from "./action-view.ts";
import { errorBox } from "./error-box.ts";
import { html, NOTHING, type Html } from "./html.ts";
import { code, durationText, facts, phaseBadge, timeText } from "./parts.ts";
import { provenanceFacts } from "./provenance.ts";

const OPEN = html` open`;

export interface AttemptsView extends Pick<ActionView, "attempts" | "nowMs" | "spec"> {
  readonly record: Pick<ActionView["record"], "kind" | "state">;
}

export function attemptsSection(view: AttemptsView): Html {
  const { attempts, record } = view;
  if (record.kind !== "task") return NOTHING;
  if (attempts.length === 0)
    return html`<h3>Attempts</h3>
      <p class="quiet">None yet.</p>`;
  return html`<h3>Attempts</h3>
    ${attempts.toReversed().map((attempt, index) => attemptHtml(view, attempt, index === 0))}`;
}

function attemptHtml({ record, spec, nowMs }: AttemptsView, attempt: AttemptRecord, isLast: boolean): Html {
  const { transitions } = attempt;
  const phase = isLast ? record.state.phase : "failed";
  // A retry that waits is about the attempt to come; the one before has ended.
  const endedAt = attempt.endedAt ?? (isLast && !isTerminal(phase) ? undefined : record.state.endedAt);
  const own = attempt.outcome === undefined ? phase : phaseOfOutcome(attempt.outcome);
  return html`<details class="attempt" data-key="attempt-${attempt.attempt}" ${isLast && OPEN}>
    <summary>
      Attempt ${attempt.attempt} ${phaseBadge(own)} ${durationText(attempt.createdAt, endedAt, nowMs)}
    </summary>
    ${facts([
      ["Started", timeText(attempt.createdAt)],
      [
        "Process started",
        attempt.startedAt !== undefined &&
          !isSleep(spec) &&
          html`${timeText(attempt.startedAt)}, after
          ${durationText(attempt.createdAt, attempt.startedAt, nowMs)}`,
      ],
      ["Sleeps until", isLast && isSleeping(record.state) && timeText(record.state.wakeAt ?? 0)],
      ["Ended", attempt.endedAt !== undefined && timeText(attempt.endedAt)],
      ["Exit code", attempt.exitCode !== undefined && html`<code>${attempt.exitCode}</code>`],
      ["Ended as", attempt.outcome],
      ["Process", stillRuns(attempt) && "its result is written; the process still runs"],
      [attempt.image?.source === "engine" ? "Image ID" : "Image", code(attempt.image?.pinned)],
      ["Results in", code(attempt.outputUri)],
      ...(isSleep(spec) ? [] : provenanceFacts(provenanceOf(attempt, spec?.definition))),
    ])}
    ${timeline(transitions, endedAt, nowMs)}
    ${attempt.error !== undefined && !isLast && errorBox("Failed", attempt.error)}
  </details>`;
}

const isSleep = (spec: AttemptsView["spec"]): boolean => spec !== undefined && isSleepTask(spec.definition);

/** A result, outputs or an error, counts when it is written, and the process may end later. */
function stillRuns({ outcome, endedAt }: AttemptRecord): boolean {
  return outcome !== undefined && endedAt === undefined;
}

function timeline(transitions: readonly PhaseChange[], endedAt: number | undefined, nowMs: number): Html {
  const rows = transitions.map(({ phase, at, reason }, index) => {
    const next = transitions[index + 1]?.at ?? endedAt;
    return html`<li>
      ${phaseBadge(phase)} <span class="reason">${reason}</span>
      <span class="when"
        >${timeText(at)}${!isTerminal(phase) && html` · ${durationText(at, next, nowMs)}`}</span
      >
    </li>`;
  });
  return html`<ol class="timeline">
    ${rows}
  </ol>`;
}
