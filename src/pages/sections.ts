/**
 * The parts of the run page that change. The page is first sent with them, and later gets those that
 * differ: the same functions make both, so the two cannot disagree.
 */
import { isTerminal } from "../domain/phase.ts";
import { attemptsSection } from "./attempts-section.ts";
import { valuesSection } from "./action-values.ts";
import { reasonSection, summarySection } from "./action-summary.ts";
import type { ActionView } from "./action-view.ts";
import { html, NOTHING, type Html } from "./html.ts";
import { actionPath, logPath } from "./paths.ts";
import { timeText } from "./parts.ts";
import { settingsSection } from "./run-section.ts";
import { imageSection, taskSection } from "./task-section.ts";

export type SectionName =
  | "summary"
  | "reason"
  | "values"
  | "log-head"
  | "attempts"
  | "image"
  | "task"
  | "settings";

/** In the order of the page. The log itself is between its head and the attempts. */
export const SECTION_NAMES: readonly SectionName[] = [
  "summary",
  "reason",
  "values",
  "log-head",
  "attempts",
  "image",
  "task",
  "settings",
];

/** `logAttempt`: whose log is shown; 0 where there is none. */
export function actionSections(view: ActionView, logAttempt: number): Record<SectionName, Html> {
  return {
    summary: summarySection(view),
    reason: reasonSection(view),
    values: valuesSection(view.values, isTerminal(view.record.state.phase)),
    "log-head": logHead(view, logAttempt),
    attempts: attemptsSection(view),
    image: imageSection(view),
    task: taskSection(view),
    settings: settingsSection(view),
  };
}

/** An empty one stays in the page, to be filled later. */
export function sectionHtml(name: SectionName, content: Html): Html {
  const isEmpty = content.toString() === "";
  return html`<section id="${name}" class="part" ${isEmpty ? html` hidden` : NOTHING}>${content}</section>`;
}

function logHead({ record, run, attempts }: ActionView, logAttempt: number): Html {
  if (record.kind !== "task") return NOTHING;
  if (run.logsRemovedAt !== undefined)
    return html`<h3>Log</h3>
      <p class="quiet">
        Removed ${timeText(run.logsRemovedAt)}: logs are kept for a while after the end of a run.
      </p>`;
  const { key } = record;
  const links = attempts.map(({ attempt }) => {
    const current = attempt === logAttempt ? html` aria-current="true"` : NOTHING;
    const path = actionPath(key, key.action, attempt);
    return html`<li>
      <a href="${path}" data-action="${key.action}" data-attempt="${attempt}" ${current}
        >Attempt ${attempt}</a
      >
    </li>`;
  });
  return html`<h3>Log</h3>
    ${
      attempts.length > 1 &&
      html`<ul class="chips" aria-label="Attempts">
        ${links}
      </ul>`
    }
    ${logAttempt > 0 && html`<a class="whole" href="${logPath(key, key.action, logAttempt)}">Whole log as text</a>`}`;
}
