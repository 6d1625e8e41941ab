/** The list of runs, of one project or of all: newest first, by phase, page by page. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { BoxkiteError } from "../domain/errors.ts";
import { DOMAINS, isDomain, type ProjectKey } from "../domain/ids.ts";
import { PHASES, TERMINAL_PHASES, type Phase } from "../domain/phase.ts";
import type { PageContext } from "./page-context.ts";
import type { ListFilter, ListedRun } from "../domain/list.ts";
import { actionTimes } from "./action-times.ts";
import { html, NOTHING, type Html } from "./html.ts";
import { layout } from "./layout.ts";
import { HOME_PATH, runPath, runsPath } from "./paths.ts";
import { phaseBadge } from "./parts.ts";
import { queryOf, sendPage } from "./respond.ts";

const PAGE_RUNS = 50;
const LIVE_PHASES = PHASES.filter((phase) => !(TERMINAL_PHASES as readonly Phase[]).includes(phase));

/** What the filter offers: the value in the address, what it is called, which phases it means. */
const FILTERS: readonly {
  readonly status: string;
  readonly text: string;
  readonly phases: readonly Phase[];
}[] = [
  { status: "", text: "All", phases: [] },
  { status: "live", text: "Not ended", phases: LIVE_PHASES },
  ...(["running", "queued", "paused", ...TERMINAL_PHASES] as const).map((phase) => ({
    status: phase,
    text: phase.replaceAll("_", " "),
    phases: [phase],
  })),
];

/** `scope`: undefined for all projects. Throws PROJECT_NOT_FOUND, and INVALID_ARGUMENT for a page that is none. */
export async function sendRunsPage(
  context: PageContext,
  request: IncomingMessage,
  response: ServerResponse,
  scope: ProjectKey | undefined,
): Promise<void> {
  await requireScope(context, scope);
  const query = queryOf(request);
  const filter = FILTERS.find(({ status }) => status === (query.get("status") ?? "")) ?? FILTERS[0];
  const where: ListFilter[] = filter?.phases.length
    ? [{ field: "phase", comparison: "in", values: filter.phases }]
    : [];
  const token = query.get("page") ?? "";
  const path = scope === undefined ? HOME_PATH : runsPath(scope);
  const { items, token: next } = await context.store.listRuns(scope ?? {}, {
    limit: PAGE_RUNS,
    token,
    where,
  });
  const here = (more: Readonly<Record<string, string>>) => {
    const text = new URLSearchParams(Object.entries(more).filter(([, value]) => value !== "")).toString();
    return text === "" ? path : `${path}?${text}`;
  };
  const status = filter?.status ?? "";
  const title = scope === undefined ? "Runs" : `Runs of ${scope.project} / ${scope.domain}`;
  const main = html`<div class="head"><h1>${title}</h1></div>
    ${scope === undefined ? await projectLinks(context) : domainLinks(scope)}
    <nav aria-label="Phase">
      <ul class="chips">
        ${FILTERS.map(
          (entry) =>
            html`<li>
              <a href="${here({ status: entry.status })}" ${entry.status === status && CURRENT}
                >${entry.text}</a
              >
            </li>`,
        )}
      </ul>
    </nav>
    ${items.length === 0 ? emptyText(status) : runsTable(items, scope === undefined, context.clock.now())}
    <nav class="pages" aria-label="Pages">
      ${token !== "" && html`<a href="${here({ status })}">Newest</a>`}
      ${next !== "" && html`<a href="${here({ status, page: next })}" rel="next">Older</a>`}
    </nav>`;
  sendPage(response, 200, layout({ title: `${title} · Boxkite`, crumbs: [], main, script: "times.js" }));
}

async function requireScope({ access, by }: PageContext, scope: ProjectKey | undefined): Promise<void> {
  if (scope === undefined) return access.authorise(by, "read", { kind: "project", project: undefined });
  await access.project(by, "read", scope.project);
  if (!isDomain(scope.domain))
    throw new BoxkiteError("PROJECT_NOT_FOUND", `project ${scope.project} has no domain ${scope.domain}`, {
      hint: `use one of: ${DOMAINS.join(", ")}`,
    });
}

const CURRENT = html` aria-current="true"`;

function runsTable(items: readonly ListedRun[], withProject: boolean, nowMs: number): Html {
  return html`<table class="runs">
    <thead>
      <tr>
        <th scope="col">Run</th>
        <th scope="col">Task</th>
        ${withProject && html`<th scope="col">Project</th>`}
        <th scope="col">Phase</th>
        <th scope="col">Created</th>
        <th scope="col">Started</th>
        <th scope="col">Duration</th>
      </tr>
    </thead>
    <tbody>
      ${items.map(({ run, root }) => {
        const project =
          withProject &&
          html`<td data-label="Project">
            <a href="${runsPath(run.key)}">${run.key.project} / ${run.key.domain}</a>
          </td>`;
        const times = actionTimes(root, nowMs);
        return html`<tr>
          <th scope="row"><a href="${runPath(run.key)}">${run.key.run}</a></th>
          <td data-label="Task">${root.taskName}</td>
          ${project}
          <td data-label="Phase">${phaseBadge(root.state.phase)}</td>
          <td data-label="Created">${times.created}</td>
          <td data-label="Started">${times.started}</td>
          <td data-label="Duration">${times.duration}</td>
        </tr>`;
      })}
    </tbody>
  </table>`;
}

function emptyText(status: string): Html {
  if (status !== "") return html`<p class="empty">No run is ${status.replaceAll("_", " ")} here.</p>`;
  return html`<p class="empty">No runs yet. Start one with <code>flyte run</code>, and it appears here.</p>`;
}

/** Every project with its domains; more of them than fit on a page have their runs in the list all the same. */
async function projectLinks({ store }: PageContext): Promise<Html> {
  const { items } = await store.listProjects({ limit: 100, token: "", where: [] });
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
