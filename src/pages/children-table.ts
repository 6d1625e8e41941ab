/** The children of an action as a table, for readers without the tree's script: failed ones first, cut into pages. */
import type { ActionRecord } from "../domain/action-record.ts";
import { actionTimes } from "./action-times.ts";
import { callLink, linkTo, type Call } from "./call.ts";
import { html, NOTHING, type Html } from "./html.ts";
import type { PageContext } from "./page-context.ts";
import { phaseBadge } from "./parts.ts";
import { actionPath } from "./paths.ts";
import { callsOf } from "./short-inputs.ts";
import { treeRow } from "./tree-row.ts";

const PAGE_ROWS = 25;
const MAX_FAILED = 5;

export interface Children {
  readonly parent: ActionRecord;
  readonly calls: readonly Call[];
  /** Where the next page begins; undefined where there is none. */
  readonly next: number | undefined;
}

/** `after`: the id of the last child of the page before, or 0. */
export async function readChildren(
  { store, inputs }: Pick<PageContext, "store" | "inputs">,
  parent: ActionRecord,
  after: number,
): Promise<Children> {
  const [failed, children] = await Promise.all([
    after === 0 ? store.failedChildren(parent, MAX_FAILED) : [],
    store.children(parent.runId, parent.key.action, after, PAGE_ROWS + 1),
  ]);
  const page = children.slice(0, PAGE_ROWS);
  const isFailed = new Set(failed.map(({ id }) => id));
  const rows = [...failed, ...page.filter(({ id }) => !isFailed.has(id))];
  return {
    parent,
    calls: await callsOf(inputs, rows),
    next: children.length > PAGE_ROWS ? page.at(-1)?.id : undefined,
  };
}

export function childrenTable({ parent, calls, next }: Children, nowMs: number): Html {
  const above =
    parent.parent !== undefined && linkTo({ ...parent.key, action: parent.parent }, "The action above");
  if (calls.length === 0)
    return html`<p class="quiet">${parent.displayName || parent.key.action} has no children. ${above}</p>`;
  const more = `${actionPath(parent.key, parent.key.action)}${parent.parent === undefined ? "?" : "&"}children=${next ?? 0}`;
  return html`<p>${above}</p>
    <table class="children">
      <caption>
        Children of ${parent.displayName || parent.key.action}
      </caption>
      <thead>
        <tr>
          <th scope="col">Action</th>
          <th scope="col">Phase</th>
          <th scope="col">Duration</th>
        </tr>
      </thead>
      <tbody>
        ${calls.map((call) => row(call, nowMs))}
      </tbody>
    </table>
    ${next !== undefined && html`<p><a href="${more}" rel="next">More children</a></p>`}`;
}

function row(call: Call, nowMs: number): Html {
  const { tags = [], asks } = treeRow(call.action);
  return html`<tr>
    <th scope="row">
      ${callLink(call)} ${tags.length > 0 ? html`<span class="tag">${tags.join(" · ")}</span>` : NOTHING}
      ${asks !== undefined && html`<p class="quiet">${asks}</p>`}
    </th>
    <td>${phaseBadge(call.action.state.phase)}</td>
    <td>${actionTimes(call.action, nowMs).duration}</td>
  </tr>`;
}
