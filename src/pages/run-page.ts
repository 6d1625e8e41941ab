/** The page of a run: its actions as a tree, and one of them in detail. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { ROOT_ACTION, type RunKey } from "../domain/ids.ts";
import type { PageContext } from "./page-context.ts";
import { requireAction } from "../store/require.ts";
import { chosenAction, hasLog, viewAction, type ActionView } from "./action-view.ts";
import type { LogRange } from "../logs/attempt-logs.ts";
import { html, type Html } from "./html.ts";
import { childrenTable, readChildren } from "./children-table.ts";
import { firstHtml, firstSection, readFirst } from "./first-section.ts";
import { layout, type Crumb } from "./layout.ts";
import { logPane, logRange } from "./log-pane.ts";
import { readShownLog } from "./log-status.ts";
import { notesHtml, notesSection } from "./notes-section.ts";
import { runPath, runsPath } from "./paths.ts";
import { numberIn, queryOf, sendPage } from "./respond.ts";
import { runHead } from "./run-section.ts";
import { actionSections, sectionHtml, SECTION_NAMES, type SectionName } from "./sections.ts";

/** Throws RUN_NOT_FOUND or ACTION_NOT_FOUND. */
export async function sendRunPage(
  context: PageContext,
  request: IncomingMessage,
  response: ServerResponse,
  key: RunKey,
): Promise<void> {
  const query = queryOf(request);
  const run = await context.access.run(context.by, "read", key);
  const record = await context.access.action(context.by, "read", { ...key, action: chosenAction(query) });
  const root = await requireAction(context.store, { ...key, action: ROOT_ACTION });
  const [first, notes, view, children] = await Promise.all([
    readFirst(context, run, root),
    context.store.runNotes(run),
    viewAction(context, record, numberIn(query, "attempt")),
    readChildren(context, record, numberIn(query, "children") ?? 0),
  ]);
  const detail = await detailPane(context, view, logRange(query));
  const main = html`<section id="run" class="run-head">${runHead(run, root, context.clock.now())}</section>
    ${firstHtml(firstSection(first, record.key.action))} ${notesHtml(notesSection(notes))}
    <div class="panes">${treePane(childrenTable(children, view.nowMs))}${detail}</div>`;
  const title = `${root.displayName || key.run} · ${key.run}`;
  sendPage(
    response,
    200,
    layout({
      title,
      crumbs: crumbsOf(key),
      main,
      isOpenToAnyone: context.isOpenToAnyone,
      viewer: context.viewer,
      script: "run.js",
      data: { run: runPath(key) },
    }),
  );
}

export function crumbsOf(key: RunKey): Crumb[] {
  return [{ text: `${key.project} / ${key.domain}`, path: runsPath(key) }];
}

/** Filled by the script, which keeps only the rows in view: a run may have thousands of actions. */
function treePane(withoutScript: Html): Html {
  return html`<section class="tree-pane" aria-labelledby="tree-title">
    <div class="pane-head">
      <h2 id="tree-title">Actions</h2>
      <span id="action-count" class="quiet"></span>
    </div>
    <noscript><div class="without-script">${withoutScript}</div></noscript>
    <div class="tree-tools">
      <input
        id="tree-search"
        type="search"
        placeholder="Find an action"
        aria-label="Find an action"
        autocomplete="off"
      />
      <div id="tree-phases" class="chips" role="group" aria-label="Show only actions that are"></div>
    </div>
    <div id="tree" class="tree" role="tree" aria-labelledby="tree-title" tabindex="0"></div>
  </section>`;
}

async function detailPane(context: PageContext, view: ActionView, range: LogRange): Promise<Html> {
  const key = { ...view.record.key, attempt: view.log.attempt };
  const read = await readShownLog(context, key, range);
  const shown = read.status === undefined ? view : { ...view, log: { ...view.log, status: read.status } };
  const sections = actionSections(shown);
  const section = (name: SectionName) => sectionHtml(name, sections[name]);
  const log = () =>
    logPane({ view: shown, range, part: read.part, state: section("log-state"), isHidden: !hasLog(view) });
  const parts = SECTION_NAMES.map((name) => (name === "log-state" ? log() : section(name)));
  return html`<article id="detail" class="detail" aria-label="The chosen action">${parts}</article>`;
}
