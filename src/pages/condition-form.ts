/** The question of a condition that waits, and the form that answers it. */
import type { ActionRecord } from "../domain/action-record.ts";
import { conditionOf, type ConditionType } from "../wire/condition.ts";
import { html, type Html } from "./html.ts";
import { answerPath } from "./paths.ts";

export function conditionForm(record: ActionRecord): Html {
  const { action } = record.key;
  const { description, type } = conditionOf(record);
  const id = `prompt-${record.id}`;
  return html`<form class="box note" method="post" action="${answerPath(record.key, action)}">
    <p class="box-title" id="${id}">${questionText(record)}</p>
    ${description !== "" && html`<p class="text">${description}</p>`}
    <p class="answer" role="group" aria-labelledby="${id}">${FIELDS[type ?? "str"]}</p>
  </form>`;
}

/** What a condition asks; its name where its author wrote no prompt. */
export function questionText(record: ActionRecord): string {
  return conditionOf(record).prompt || `${record.displayName} waits for a signal`;
}

const SEND = html`<button type="submit">Send</button>`;

/** `value` is what the answer is read from. */
const FIELDS: Readonly<Record<ConditionType, Html>> = {
  bool: html`<button name="value" value="true">Approve</button>
    <button name="value" value="false">Reject</button>`,
  int: html`<label>Whole number <input name="value" required inputmode="numeric" pattern="-?[0-9]+" /></label>
    ${SEND}`,
  float: html`<label>Number <input name="value" required type="number" step="any" /></label> ${SEND}`,
  str: html`<label>Text <input name="value" /></label> ${SEND}`,
};
