/** The list of runs, of one project or of all: newest first, by status, page by page. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { BoxkiteError } from "../domain/errors.ts";
import { DOMAINS, isDomain, type ProjectKey } from "../domain/ids.ts";
import { isTerminal, PHASES } from "../domain/phase.ts";
import { RUN_STATUSES, statusOfPhase, type RunStatus } from "../domain/run-status.ts";
import type { PageContext } from "./page-context.ts";
import type { ActionRecord } from "../domain/action-record.ts";
import type { ListFilter, ListedRun } from "../domain/list.ts";
import { actionTimes } from "./action-times.ts";
import { questionText } from "./condition-form.ts";
import { html, NOTHING, type Child, type Html } from "./html.ts";
import { layout } from "./layout.ts";
import { LOCAL } from "../domain/principal.ts";
import { HOME_PATH, runPath, runsPath } from "./paths.ts";
import { phaseBadge } from "./parts.ts";
import { visibleProjects } from "../services/authorise/token.ts";
import { only } from "../services/project-service.ts";
import { queryOf, sendPage } from "./respond.ts";
import { errorLine, firstLine, waitingLine } from "./waiting.ts";

const PAGE_RUNS = 50;

/** `scope`: undefined for all projects. Throws PROJECT_NOT_FOUND, and INVALID_ARGUMENT for a page that is none. */
export async function sendRunsPage(
  context: PageContext,
  request: IncomingMessage,
  response: ServerResponse,
  scope: ProjectKey | undefined,
): Promise<void> {
  if (scope === undefined && (await visibleProjects(context.tokens, context.by)) !== undefined)
    return sendProjects(context, response);
  await requireScope(context, scope);
  const query = queryOf(request);
  const status = statusIn(query);
  const startedBy = query.get("by") ?? "";
  const where: ListFilter[] = [...filterBy("status", status ?? ""), ...filterBy("created_by", startedBy)];
  const token = query.get("page") ?? "";
  const path = scope === undefined ? HOME_PATH : runsPath(scope);
  const [{ items, token: next }, counts] = await Promise.all([
    context.store.listRuns(scope ?? {}, { limit: PAGE_RUNS, token, where }),
    context.store.countRuns(scope ?? {}),
  ]);
  const here: Here = (more) => {
    const text = new URLSearchParams(
      Object.entries({ status: status ?? "", by: startedBy, ...more }).filter(([, value]) => value !== ""),
    ).toString();
    return text === "" ? path : `${path}?${text}`;
  };
  const title = scope === undefined ? "Runs" : `Runs of ${scope.project} / ${scope.domain}`;
  const main = html`<div class="head"><h1>${title}</h1></div>
    ${scope === undefined ? await projectLinks(context) : domainLinks(scope)}
    <div id="runs">
      ${starterLine(context, startedBy, here)}${statusChips(startedBy === "" ? counts : undefined, status, here)}
      ${items.length === 0 ? emptyText(status) : await runsTable(context, items, scope === undefined)}
      <nav class="pages" aria-label="Pages">
        ${token !== "" && html`<a href="${here({})}">Newest</a>`}
        ${next !== "" && html`<a href="${here({ page: next })}" rel="next">Older</a>`}
      </nav>
    </div>`;
  sendPage(
    response,
    200,
    layout({
      title: `${title} · Boxkite`,
      crumbs: [],
      main,
      viewer: context.viewer,
      isOpenToAnyone: context.isOpenToAnyone,
      script: "list.js",
    }),
  );
}

/** Of one who may not read the runs of every project: the way to those that they may read. */
async function sendProjects(context: PageContext, response: ServerResponse): Promise<void> {
  const main = html`<div class="head"><h1>Projects</h1></div>
    ${await projectLinks(context)}`;
  sendPage(
    response,
    200,
    layout({
      title: "Projects · Boxkite",
      crumbs: [],
      main,
      viewer: context.viewer,
      isOpenToAnyone: context.isOpenToAnyone,
    }),
  );
}

async function requireScope({ access, by }: PageContext, scope: ProjectKey | undefined): Promise<void> {
  await access.list(by, "runs", scope ?? {});
  if (scope !== undefined && !isDomain(scope.domain))
    throw new BoxkiteError("PROJECT_NOT_FOUND", `project ${scope.project} has no domain ${scope.domain}`, {
      hint: `use one of: ${DOMAINS.join(", ")}`,
    });
}

const CURRENT = html` aria-current="true"`;

/** Undefined for all runs. A phase that no run shows means the status that it is part of. */
function statusIn(query: URLSearchParams): RunStatus | undefined {
  const phase = PHASES.find((known) => known === query.get("status"));
  return phase && statusOfPhase(phase);
}

function filterBy(field: string, value: string): ListFilter[] {
  return value === "" ? [] : [{ field, comparison: "=", values: [value] }];
}

/** Whose runs are shown, and the way to one's own. */
function starterLine({ viewer }: PageContext, startedBy: string, here: Here): Html {
  if (startedBy !== "")
    return html`<p>
      Started by <strong>${startedBy}</strong> · <a href="${here({ by: "" })}">by anyone</a>
    </p>`;
  return viewer === undefined
    ? NOTHING
    : html`<p><a href="${here({ by: viewer.name })}">Started by me</a></p>`;
}

/** The address of the page with some of its query changed. */
type Here = (more: Readonly<Record<string, string>>) => string;

/** Each run is in one of them: all, and one per status. `counts`: undefined where they are not known. */
function statusChips(
  counts: ReadonlyMap<RunStatus, number> | undefined,
  current: RunStatus | undefined,
  here: Here,
): Html {
  const all = counts && [...counts.values()].reduce((sum, count) => sum + count, 0);
  const chip = (status: RunStatus | undefined, count: number | undefined) =>
    html`<li>
      <a href="${here({ status: status ?? "" })}" ${status === current && CURRENT}
        >${status?.replaceAll("_", " ") ?? "All"} <span class="quiet">${count?.toLocaleString("en")}</span></a
      >
    </li>`;
  return html`<nav aria-label="Status">
    <ul class="chips">
      ${chip(undefined, all)}${RUN_STATUSES.map((status) => chip(status, counts && (counts.get(status) ?? 0)))}
    </ul>
  </nav>`;
}

async function runsTable(
  { store, clock }: PageContext,
  items: readonly ListedRun[],
  withProject: boolean,
): Promise<Html> {
  const questions = await Promise.all(
    items.map(async ({ run }) => (run.status === "paused" ? store.pausedActions(run.id, 1) : [])),
  );
  const nowMs = clock.now();
  const withStarter = items.some(({ run }) => run.createdBy.who !== LOCAL.who);
  return html`<table class="runs">
    <thead>
      <tr>
        <th scope="col">Run</th>
        <th scope="col">Task</th>
        ${withProject && html`<th scope="col">Project</th>`}
        ${withStarter && html`<th scope="col">Started by</th>`}
        <th scope="col">Status</th>
        <th scope="col">Created</th>
        <th scope="col">Started</th>
        <th scope="col">Duration</th>
      </tr>
    </thead>
    <tbody>
      ${items.map(({ run, root }, index) => {
        const project =
          withProject &&
          html`<td data-label="Project">
            <a href="${runsPath(run.key)}">${run.key.project} / ${run.key.domain}</a>
          </td>`;
        const times = actionTimes(root, nowMs);
        return html`<tr>
          <th scope="row"><a href="${runPath(run.key)}">${run.key.run}</a></th>
          <td data-label="Task">${root.taskName}</td>
          ${project} ${withStarter && html`<td data-label="Started by">${run.createdBy.who}</td>`}
          <td data-label="Status">
            ${phaseBadge(run.status)}${statusLine({ run, root }, questions[index]?.[0], nowMs)}
          </td>
          <td data-label="Created">${times.created}</td>
          <td data-label="Started">${times.started}</td>
          <td data-label="Duration">${times.duration}</td>
        </tr>`;
      })}
    </tbody>
  </table>`;
}

/** What is asked, why it waits, or why it ended as it did. */
function statusLine({ run, root }: ListedRun, question: ActionRecord | undefined, nowMs: number): Html {
  const { state } = root;
  if (question !== undefined)
    return html`<p class="why">
      <a href="${runPath(run.key)}">${firstLine(questionText(question))}</a>
    </p>`;
  const line = (text: Child) => html`<p class="why quiet">${text}</p>`;
  if (run.status === "queued") return line(waitingLine(state, nowMs));
  if (run.status === "running") return state.reason === undefined ? NOTHING : line(firstLine(state.reason));
  if (run.status === "aborted") return line(firstLine(state.abortReason ?? ""));
  return state.error && isTerminal(state.phase) ? line(errorLine(state.error)) : NOTHING;
}

function emptyText(status: RunStatus | undefined): Html {
  if (status !== undefined) return html`<p class="empty">No run is ${status.replaceAll("_", " ")} here.</p>`;
  return html`<p class="empty">No runs yet. Start one with <code>flyte run</code>, and it appears here.</p>`;
}

/** Every project with its domains; more of them than fit on a page have their runs in the list all the same. */
async function projectLinks({ access, by, store, tokens }: PageContext): Promise<Html> {
  await access.authorise(by, "read", { kind: "project", project: undefined });
  const where = only(await visibleProjects(tokens, by));
  const { items } = await store.listProjects({ limit: 100, token: "", where });
  const rows = items.map(
    ({ id }) =>
      html`<li>
        ${id}: ${DOMAINS.map((domain) => html` <a href="${runsPath({ project: id, domain })}">${domain}</a>`)}
      </li>`,
  );
  return rows.length === 0
    ? NOTHING
    : html`<nav aria-label="Projects">
        <ul class="projects">
          ${rows}
        </ul>
      </nav>`;
}

function domainLinks({ project, domain: current }: ProjectKey): Html {
  const links = DOMAINS.map(
    (domain) =>
      html`<li>
        <a href="${runsPath({ project, domain })}" ${domain === current && CURRENT}>${domain}</a>
      </li>`,
  );
  return html`<nav aria-label="Domain">
    <ul class="chips">
      ${links}
    </ul>
  </nav>`;
}
