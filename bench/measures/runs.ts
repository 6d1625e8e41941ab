/** `flyte get run` where many runs are in the store. */
import { Filter_Function, Sort_Direction } from "../../src/wire/gen/flyteidl2/common/list_pb.js";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { SERVER_ONLY } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atMost, type Benchmark, type Row } from "../helpers/measure.ts";
import { SCOPE } from "../helpers/requests.ts";
import { seed, seedRuns } from "../helpers/seed.ts";
import { startServer, type BenchServer, type Clients } from "../helpers/server.ts";
import { callMany, quantile, takeTurns } from "../helpers/stats.ts";

const PAGE = 100;
const SCOPE_BY = {
  case: "projectId",
  value: { name: SCOPE.project, domain: SCOPE.domain, organization: "" },
} as const;
const NEWEST_FIRST = { key: "created_at", direction: Sort_Direction.DESCENDING };

type Call = (clients: Clients, runs: number) => Promise<unknown>;

const CALLS: Readonly<Record<string, Call>> = {
  "newest 100": (clients) =>
    clients.runs.listRuns({ scopeBy: SCOPE_BY, request: { limit: PAGE, sortBy: NEWEST_FIRST } }),
  "100 that failed": (clients) =>
    filtered(clients, {
      field: "phase",
      function: Filter_Function.EQUAL,
      values: [String(ActionPhase.FAILED)],
    }),
  "a task with few runs": (clients) =>
    filtered(clients, { field: "task_name", function: Filter_Function.EQUAL, values: ["bench.nothing"] }),
  "by the end of a name": (clients) =>
    filtered(clients, { field: "name", function: Filter_Function.ENDS_WITH, values: ["x9"] }),
  "sorted by name": (clients) =>
    clients.runs.listRuns({
      scopeBy: SCOPE_BY,
      request: { limit: PAGE, sortBy: { key: "name", direction: Sort_Direction.ASCENDING } },
    }),
  "details of one run": (clients, runs) =>
    clients.runs.getRunDetails({ runId: { org: "", ...SCOPE, name: `r${Math.floor(runs / 2)}` } }),
};

/** What people look at all day; the others read every run by nature, and show how long that takes. */
const GOAL_MS: Readonly<Record<string, number>> = {
  "newest 100": 20,
  "100 that failed": 20,
  "details of one run": 10,
};

export const runs: Benchmark = {
  name: "runs",
  about: "listing runs with 100,000 in the store",
  conditions: SERVER_ONLY,
  floorConditions: SERVER_ONLY,
  limitSeconds: 90,
  run: async (context) => {
    const many = context.count(100_000, 2_000);
    const few = 200;
    const fill = async (count: number) => {
      const data = await context.directory();
      await seed(data, (store) => seedRuns(store, count));
      return data;
    };
    context.say(`filling a store with ${many} runs`);
    const [full, small] = [await fill(many), await fill(few)];
    const starts = await takeTurns(context.count(5, 1), {
      full: async () => {
        const server = await startServer(context, { data: full });
        await server.stop();
        return server.ms;
      },
      small: async () => {
        const server = await startServer(context, { data: small });
        await server.stop();
        return server.ms;
      },
    });
    const servers = {
      full: await startServer(context, { data: full }),
      small: await startServer(context, { data: small }),
    };
    const rows: Row[] = [
      {
        measure: "runs: start",
        unit: "ms",
        ours: summary(starts.full),
        floor: { what: `with ${few} runs`, value: summary(starts.small) },
        goal: atMost(3_000, "ours"),
      },
    ];
    for (const [name, call] of Object.entries(CALLS)) {
      const load = (server: BenchServer, count: number) =>
        callMany(context.count(5, 2), 1, () => call(server.clients, count));
      await Promise.all([load(servers.full, many), load(servers.small, few)]);
      const results = await takeTurns(
        context.count(5, 1),
        { full: () => load(servers.full, many), small: () => load(servers.small, few) },
        context.signal,
      );
      const p50 = (which: "full" | "small") =>
        summary(results[which].map(({ latencies }) => quantile(latencies, 0.5)));
      const goalMs = GOAL_MS[name];
      rows.push({
        measure: `runs: ${name}, p50`,
        unit: "ms",
        ours: p50("full"),
        floor: { what: `with ${few} runs`, value: p50("small") },
        ...(goalMs === undefined ? {} : { goal: atMost(goalMs, "ours") }),
      });
    }
    rows.push({
      measure: "runs: server memory, most",
      unit: "MB",
      ours: servers.full.memory().peakMb,
      floor: { what: `with ${few} runs`, value: servers.small.memory().peakMb },
    });
    return rows;
  },
};

function filtered(clients: Clients, filter: { field: string; function: Filter_Function; values: string[] }) {
  const request = { limit: PAGE, sortBy: NEWEST_FIRST, filters: [filter] };
  return clients.runs.listRuns({ scopeBy: SCOPE_BY, request });
}
