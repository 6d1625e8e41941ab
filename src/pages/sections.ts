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
import { logHead } from "./log-head.ts";
import { logState } from "./log-state.ts";
import { settingsSection } from "./run-section.ts";
import { imageSection, taskSection } from "./task-section.ts";

export type SectionName =
  | "summary"
  | "reason"
  | "values"
  | "log-head"
  | "log-state"
  | "attempts"
  | "image"
  | "task"
  | "settings";

/** In the order of the page. The log itself is around its state, `log-pane.ts`. */
export const SECTION_NAMES: readonly SectionName[] = [
  "summary",
  "reason",
  "values",
  "log-head",
  "log-state",
  "attempts",
  "image",
  "task",
  "settings",
];

export function actionSections(view: ActionView): Record<SectionName, Html> {
  return {
    summary: summarySection(view),
    reason: reasonSection(view),
    values: valuesSection(view.values, isTerminal(view.record.state.phase)),
    "log-head": logHead(view),
    "log-state": logState(view),
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
