/** Whether attempts were started as a row claims: asked of the server's documents, as `boxkite get --json` prints them. */
import { readRunDocument } from "../../src/client/run-document.ts";
import { getJson } from "../../src/client/server-json.ts";
import { ROOT_ACTION } from "../../src/domain/ids.ts";
import { POOLS_DOCUMENT_PATH } from "../../src/pages/paths.ts";
import type { PoolsDocument } from "../../src/services/visible-pools.ts";
import { until } from "../../test/helpers/until.ts";
import { SCOPE } from "./requests.ts";
import type { BenchServer } from "./server.ts";
import { callMany } from "./stats.ts";
import { MEASURED_GROUP, type StartMode } from "./warm-flow.ts";

/** Of more children a part is asked about, evenly. */
const MOST_DOCUMENTS = 1_000;
const AT_ONCE = 8;
const PAGE = 1_000;

/**
 * Throws where fewer of the measured children of the run than the share `least` were started in this way; `cold`: in a container
 * of its own. Returns the share.
 */
export async function requireMode(
  server: BenchServer,
  run: string,
  mode: StartMode,
  least = 1,
): Promise<number> {
  const children = await measuredChildren(server, run);
  const step = Math.ceil(children.length / MOST_DOCUMENTS);
  const asked = children.filter((_, index) => index % step === 0);
  const counts = new Map<string, number>();
  await callMany(asked.length, AT_ONCE, async (index) => {
    const seen = await modeOf(server, run, asked[index] ?? "");
    counts.set(seen, (counts.get(seen) ?? 0) + 1);
  });
  const share = (counts.get(mode) ?? 0) / asked.length;
  if (share >= least) return share;
  const found = [...counts].map(([name, count]) => `${count} ${name}`).join(", ") || "none";
  throw new Error(`the measured children of run ${run} should have been started ${mode}, and were: ${found}`);
}

/** Milliseconds from the acceptance of a run to the end of its root. Throws where that was started in another way. */
export async function rootMs(server: BenchServer, run: string, mode: StartMode): Promise<number> {
  const seen = await modeOf(server, run, ROOT_ACTION);
  if (seen !== mode)
    throw new Error(`the root of run ${run} should have been started ${mode}, and was: ${seen}`);
  const { createdAt, endedAt = createdAt } = (await readRunDocument(connectionTo(server), { ...SCOPE, run }))
    .action;
  return endedAt - createdAt;
}

/** Resolves when there is a worker for the root of the next run. */
export async function nextRunIsReady(server: BenchServer): Promise<void> {
  await until(async () => {
    const { pools } = (await getJson(connectionTo(server), POOLS_DOCUMENT_PATH)) as PoolsDocument;
    return pools.some(({ mode, run, idle }) => mode === "one_shot" && run === undefined && idle > 0);
  });
}

async function modeOf(server: BenchServer, run: string, action: string): Promise<StartMode> {
  const document = await readRunDocument(connectionTo(server), { ...SCOPE, run }, action);
  return document.action.attempts.at(-1)?.provenance.warm?.mode ?? "cold";
}

function connectionTo({ port }: BenchServer): { readonly baseUrl: string } {
  return { baseUrl: `http://127.0.0.1:${port}` };
}

async function measuredChildren({ clients }: BenchServer, run: string): Promise<readonly string[]> {
  const names: string[] = [];
  let token = "";
  do {
    const page = await clients.runs.listActions({
      runId: { org: "", ...SCOPE, name: run },
      request: { limit: PAGE, token },
    });
    for (const { id, metadata } of page.actions)
      if (id !== undefined && metadata?.group === MEASURED_GROUP) names.push(id.name);
    ({ token } = page);
  } while (token !== "");
  return names;
}
