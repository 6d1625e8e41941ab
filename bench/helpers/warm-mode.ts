/** Whether attempts were started as a row claims: asked of the server's documents, as `boxkite get --json` prints them. */
import { readRunDocument } from "../../src/client/run-document.ts";
import type { WorkerMode } from "../../src/domain/warm-start.ts";
import { ROOT, SCOPE } from "./requests.ts";
import type { BenchServer } from "./server.ts";
import { callMany } from "./stats.ts";

/** Of more children a part is asked about, evenly. */
const MOST_DOCUMENTS = 1_000;
const AT_ONCE = 8;
const PAGE = 1_000;

/** Throws where a child of the run was started in another way than `mode`; `cold`: in a container of its own. */
export async function requireMode(
  server: BenchServer,
  run: string,
  mode: WorkerMode | "cold",
  mayDiffer = 0,
): Promise<void> {
  const children = await childrenOf(server, run);
  const step = Math.ceil(children.length / MOST_DOCUMENTS);
  const asked = children.filter((_, index) => index % step === 0);
  const counts = new Map<string, number>();
  await callMany(asked.length, AT_ONCE, async (index) => {
    const seen = await modeOf(server, run, asked[index] ?? "");
    counts.set(seen, (counts.get(seen) ?? 0) + 1);
  });
  const others = asked.length - (counts.get(mode) ?? 0);
  if (asked.length > 0 && others <= mayDiffer) return;
  const found = [...counts].map(([name, count]) => `${count} ${name}`).join(", ") || "none";
  throw new Error(`children of run ${run} should have been started ${mode}, and were: ${found}`);
}

async function modeOf(server: BenchServer, run: string, action: string): Promise<WorkerMode | "cold"> {
  const connection = { baseUrl: `http://127.0.0.1:${server.port}` };
  const document = await readRunDocument(connection, { ...SCOPE, run }, action);
  return document.action.attempts.at(-1)?.provenance.warm?.mode ?? "cold";
}

async function childrenOf({ clients }: BenchServer, run: string): Promise<readonly string[]> {
  const names: string[] = [];
  let token = "";
  do {
    const page = await clients.runs.listActions({
      runId: { org: "", ...SCOPE, name: run },
      request: { limit: PAGE, token },
    });
    names.push(...page.actions.flatMap(({ id }) => (id === undefined ? [] : [id.name])));
    ({ token } = page);
  } while (token !== "");
  return names.filter((name) => name !== ROOT);
}
