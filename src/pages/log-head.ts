/** The heading of the log: which attempt's it is, and all of it as text. */
import type { ActionView } from "./action-view.ts";
import { html, NOTHING, type Html } from "./html.ts";
import { actionPath, logPath } from "./paths.ts";
import { timeText } from "./parts.ts";

export function logHead({ record, run, attempts, log }: ActionView): Html {
  if (record.kind !== "task") return NOTHING;
  if (run.logsRemovedAt !== undefined)
    return html`<h3>Log</h3>
      <p class="quiet">
        Removed ${timeText(run.logsRemovedAt)}: logs are kept for a while after the end of a run.
      </p>`;
  const { key } = record;
  const links = attempts.map(({ attempt }) => {
    const current = attempt === log.attempt ? html` aria-current="true"` : NOTHING;
    const path = actionPath(key, key.action, attempt);
    return html`<li>
      <a href="${path}" data-action="${key.action}" data-attempt="${attempt}" ${current}
        >Attempt ${attempt}</a
      >
    </li>`;
  });
  const exists = log.status.kind === "written" || log.status.kind === "empty";
  return html`<h3>Log</h3>
    ${
      attempts.length > 1 &&
      html`<ul class="chips" aria-label="Attempts">
        ${links}
      </ul>`
    }
    ${exists && html`<a class="whole" href="${logPath(key, key.action, log.attempt)}">Whole log as text</a>`}`;
}
