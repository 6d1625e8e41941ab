/** Listing and watching a run of many actions. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import { ListActionsResponseSchema } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { BARE_SERVER, SERVER_ONLY } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atMost, type BenchContext, type Benchmark, type Row } from "../helpers/measure.ts";
import { startPeer } from "../helpers/process.ts";
import { actionId, ROOT, SCOPE } from "../helpers/requests.ts";
import { seed, seedWideRun } from "../helpers/seed.ts";
import { clientsAt, startServer, type Clients } from "../helpers/server.ts";
import { callMany, quantile, takeTurns, timed } from "../helpers/stats.ts";

const SIZES = [
  { actions: 10_000, quick: 200, goalMs: 10 },
  { actions: 50_000, quick: 400, goalMs: 20 },
] as const;
const PAGE = 100;

export const list: Benchmark = {
  name: "list",
  about: "listing and watching runs of 10,000 and 50,000 actions",
  conditions: SERVER_ONLY,
  floorConditions: BARE_SERVER,
  run: async (context) => {
    const rows: Row[] = [];
    for (const size of SIZES) {
      rows.push(...(await measure(context, context.count(size.actions, size.quick), size.goalMs)));
    }
    return rows;
  },
};

async function measure(context: BenchContext, actions: number, goalMs: number): Promise<Row[]> {
  const data = await context.directory();
  context.say(`filling a store with ${actions} actions`);
  await seed(data, (store) => seedWideRun(store, "wide", actions));
  const { clients, memory, stop } = await startServer(context, { data });
  const idleMb = memory().rssMb;

  const middle = await tokenAfter(clients, Math.floor(actions / 2 / 1_000));
  const page = await clients.runs.listActions(pageOf(middle, PAGE));
  const file = join(await context.directory(), "page");
  await writeFile(file, toBinary(ListActionsResponseSchema, page));
  const echo = await startPeer(context, "echo-server.ts", file);
  const bare = clientsAt(echo.first.port);

  const calls = context.count(30, 3);
  const pages = (from: Clients) => callMany(calls, 1, () => from.runs.listActions(pageOf(middle, PAGE)));
  await Promise.all([pages(clients), pages(bare)]);
  const results = await takeTurns(
    context.count(5, 1),
    {
      ours: () => pages(clients),
      echo: () => pages(bare),
      whole: () => timed(() => listAll(clients)),
      watch: () => timed(() => watchUntilPresent(clients)),
    },
    context.signal,
  );
  const p50 = (name: "ours" | "echo") =>
    summary(results[name].map(({ latencies }) => quantile(latencies, 0.5)));
  const what = `list ${actions.toLocaleString("en")}`;
  const rows: Row[] = [
    {
      measure: `${what}: a page of ${PAGE} from the middle, p50`,
      unit: "ms",
      ours: p50("ours"),
      floor: { what: "the same page from a bare echo", value: p50("echo") },
      goal: atMost(goalMs, "ours"),
    },
    { measure: `${what}: whole, pages of 1,000`, unit: "ms", ours: summary(results.whole) },
    { measure: `${what}: watch until the present`, unit: "ms", ours: summary(results.watch) },
    {
      measure: `${what}: server memory, most`,
      unit: "MB",
      ours: memory().peakMb,
      floor: { what: "before the first call", value: idleMb },
    },
  ];
  await Promise.all([stop(), echo.stop()]);
  return rows;
}

function pageOf(token: string, limit: number) {
  return { runId: { org: "", ...SCOPE, name: "wide" }, request: { limit, token } };
}

async function tokenAfter(clients: Clients, pages: number): Promise<string> {
  let token = "";
  for (let page = 0; page < pages; page++) ({ token } = await clients.runs.listActions(pageOf(token, 1_000)));
  return token;
}

async function listAll(clients: Clients): Promise<void> {
  let token = "";
  do ({ token } = await clients.runs.listActions(pageOf(token, 1_000)));
  while (token !== "");
}

/** A watch from the very beginning, as a parent has after its restart, up to the sentinel. */
async function watchUntilPresent(clients: Clients): Promise<void> {
  const stop = new AbortController();
  const filter = { case: "parentActionId", value: actionId("wide", ROOT) } as const;
  for await (const { message } of clients.actions.watchForUpdates({ filter }, { signal: stop.signal })) {
    if (message.case === "controlMessage") break;
  }
  stop.abort();
}
