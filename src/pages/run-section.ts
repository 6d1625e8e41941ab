/** The run as a whole: its heading, and what was asked for when it was started. */
import { ROOT_ACTION } from "../domain/ids.ts";
import { isTerminal } from "../domain/phase.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import { LOCAL } from "../domain/principal.ts";
import type { RunRecord } from "../domain/run.ts";
import { abortButton } from "./action-summary.ts";
import { actionTimes } from "./action-times.ts";
import type { ActionView } from "./action-view.ts";
import { html, NOTHING, type Html } from "./html.ts";
import { abortPath, runPath, startedByPath } from "./paths.ts";
import { code, facts, phaseBadge, timeText } from "./parts.ts";
import { pairs } from "./task-section.ts";

export function runHead(run: RunRecord, root: ActionRecord, nowMs: number): Html {
  const { state } = root;
  const times = actionTimes(root, nowMs);
  return html`<div class="head">
      <h1>${run.key.run}</h1>
      ${phaseBadge(run.status)}
      ${!isTerminal(state.phase) && abortButton("Abort run", abortPath(run.key, ROOT_ACTION))}
    </div>
    <p class="sub">
      <span class="strong">${root.taskName || root.displayName}</span> · ${times.duration} · created
      ${times.created}${run.source !== "" && ` by ${run.source}`}
    </p>`;
}

/** Shown with the root action: it is about all of them. */
export function settingsSection({ run, record }: ActionView): Html {
  if (record.key.action !== ROOT_ACTION) return NOTHING;
  const { labels, annotations, env, rawDataPrefix, cache, maxConcurrency, recover } = run.settings;
  const before = recover && { ...run.key, run: recover.run };
  return html`<h3>Run</h3>
    ${facts([
      ["Project", run.key.project],
      ["Domain", run.key.domain],
      ["Started by", run.createdBy.who !== LOCAL.who && startedBy(run)],
      ["Started from", run.createdBy.from],
      ["Client", code(run.createdBy.client || undefined)],
      ["Run start time", run.createdAt !== record.state.createdAt && timeText(run.createdAt)],
      ["Recovers", before && html`<a href="${runPath(before)}"><code>${before.run}</code></a>`],
      ["At the same time", maxConcurrency > 0 && `at most ${maxConcurrency}`],
      ["Cache", cache.overwrite && "computed anew"],
      ["Writes to", code(run.baseUri)],
      ["Raw data in", code(rawDataPrefix)],
    ])}
    ${pairs("Labels", labels)}${pairs("Annotations", annotations)}${pairs("Environment variables", env)}`;
}

function startedBy({ key, createdBy: { who } }: RunRecord): Html {
  return html`<a href="${startedByPath(key, who)}">${who}</a>`;
}
