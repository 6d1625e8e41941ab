/** What an action is and its state, with the reason first where something is wrong. */
import { isTerminal } from "../domain/phase.ts";
import { ROOT_ACTION } from "../domain/ids.ts";
import { actionTimes } from "./action-times.ts";
import type { ActionView } from "./action-view.ts";
import { causeLine } from "./cause-box.ts";
import { conditionForm } from "./condition-form.ts";
import { errorBox, noteBox } from "./error-box.ts";
import { html, type Html } from "./html.ts";
import { abortPath, actionPath } from "./paths.ts";
import { facts, phaseBadge } from "./parts.ts";

export function summarySection({ record, nowMs, attempts }: ActionView): Html {
  const { key, state } = record;
  const isRoot = key.action === ROOT_ACTION;
  const times = actionTimes(record, nowMs);
  return html`<div class="head">
      <h2>${record.displayName || key.action}</h2>
      ${phaseBadge(state.phase)}
      ${!isRoot && !isTerminal(state.phase) && abortButton("Abort action", abortPath(key, key.action))}
    </div>
    ${facts([
      ["Action", html`<code>${key.action}</code>${record.kind !== "task" && ` · ${record.kind}`}`],
      ["Created", times.created],
      ["Queued for", times.queuedFor],
      ["Started", times.started],
      ["Ended", times.ended],
      ["Duration", times.duration],
      ["Attempts", attempts.length > 1 && `${attempts.length} of at most ${record.policy.userRetries + 1}`],
      ["Group", record.group],
      ["Queue", record.queue],
      ["Parent", record.parent !== undefined && actionLink(record, record.parent)],
      ["Cache", state.cacheStatus !== "disabled" && state.cacheStatus],
      [
        "Result of",
        state.source &&
          html`<a href="${actionPath(state.source, state.source.action)}"
            ><code>${state.source.run}/${state.source.action}</code></a
          >`,
      ],
    ])}`;
}

export function abortButton(label: string, path: string): Html {
  return html`<form class="abort" method="post" action="${path}">
    <button type="submit">${label}</button>
  </form>`;
}

function actionLink({ key }: ActionView["record"], action: string): Html {
  return html`<a href="${actionPath(key, action)}" data-action="${action}"><code>${action}</code></a>`;
}

/** Empty where there is nothing to explain. */
export function reasonSection({ record, cause }: ActionView): Html {
  const { state } = record;
  const boxes: Html[] = [];
  if (record.kind === "condition" && state.phase === "paused") boxes.push(conditionForm(record));
  if (state.phase === "aborted") boxes.push(noteBox("Aborted", state.abortReason ?? "no reason was given"));
  if (state.error && isTerminal(state.phase)) {
    const where = cause && causeLine(cause);
    boxes.push(errorBox(state.phase === "timed_out" ? "Timed out" : "Failed", state.error, where));
  }
  if (!isTerminal(state.phase)) {
    if (state.reason) boxes.push(noteBox(state.phase.replaceAll("_", " "), state.reason));
    if (state.error) boxes.push(errorBox("The attempt before failed", state.error));
  }
  return html`${boxes}`;
}
