/** What is kept warm: the pools of workers, read again every few seconds, and the same as JSON. */
import type { ServerResponse } from "node:http";
import { describeMode } from "../domain/describe-warm-start.ts";
import { scopeText, workersText } from "../domain/describe-pool.ts";
import type { PoolState } from "../domain/pool-state.ts";
import { visiblePools, type PoolsDocument } from "../services/visible-pools.ts";
import { sendJson } from "./document/send-document.ts";
import { html, type Html } from "./html.ts";
import { layout } from "./layout.ts";
import type { PageContext } from "./page-context.ts";
import { bytesText, code, timeText } from "./parts.ts";
import { runPath, runsPath } from "./paths.ts";
import { sendPage } from "./respond.ts";

const SECTION = "pools";

export async function sendPoolsPage(context: PageContext, response: ServerResponse): Promise<void> {
  const document = await visiblePools(context, context.by);
  const main = html`<div class="head"><h1>Pools</h1></div>
    <p class="quiet">
      Workers are containers that wait for attempts with their runtime loaded; those that are alike form a
      pool.
    </p>
    <div id="${SECTION}">${poolsHtml(document)}</div>`;
  sendPage(
    response,
    200,
    layout({
      title: "Pools · Boxkite",
      crumbs: [],
      main,
      viewer: context.viewer,
      isOpenToAnyone: context.isOpenToAnyone,
      script: "list.js",
      data: { section: SECTION },
    }),
  );
}

export async function sendPoolsDocument(context: PageContext, response: ServerResponse): Promise<void> {
  sendJson(response, 200, await visiblePools(context, context.by));
}

export function poolsHtml({ keepsWorkers, pools }: PoolsDocument): Html {
  if (!keepsWorkers)
    return html`<p class="empty">
      This server keeps no workers: every attempt starts anew. It does with a container engine of its own
      machine, and
      <code>boxkite up --warm-starts one-shot</code> or <code>fork</code>, without
      <code>--strict-images</code>.
    </p>`;
  if (pools.length === 0)
    return html`<p class="empty">No pools yet. They are made for what runs, and appear here.</p>`;
  return html`<table class="runs">
    <thead>
      <tr>
        <th scope="col">Pool</th>
        <th scope="col">Mode</th>
        <th scope="col">Image</th>
        <th scope="col">Of</th>
        <th scope="col">Workers</th>
        <th scope="col">Memory</th>
        <th scope="col">Found one</th>
        <th scope="col">Last used</th>
      </tr>
    </thead>
    <tbody>
      ${pools.map(rowHtml)}
    </tbody>
  </table>`;
}

function rowHtml(pool: PoolState): Html {
  const { project, domain, run, hits, misses, lastUsedAt, memoryBytes } = pool;
  const path = run === undefined ? runsPath({ project, domain }) : runPath({ project, domain, run });
  return html`<tr>
    <th scope="row">${code(pool.pool)}</th>
    <td data-label="Mode">${describeMode(pool.mode)}</td>
    <td data-label="Image">${code(pool.image)}</td>
    <td data-label="Of"><a href="${path}">${scopeText(pool)}</a></td>
    <td data-label="Workers">
      ${workersText(pool)}${
        pool.problem !== undefined && html`<p class="why">could not make a worker: ${pool.problem}</p>`
      }
    </td>
    <td data-label="Memory">${bytesText(memoryBytes)}</td>
    <td data-label="Found one">${hits.toLocaleString("en")} of ${(hits + misses).toLocaleString("en")}</td>
    <td data-label="Last used">${lastUsedAt === undefined ? "never" : timeText(lastUsedAt)}</td>
  </tr>`;
}
