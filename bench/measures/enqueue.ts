/** Enqueue as a parent sends it: the call that every action begins with, and that must be durable. */
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { BARE_COMMIT, BARE_SERVER, SERVER_ONLY } from "../helpers/conditions.ts";
import { sumOf, summary } from "../helpers/figure.ts";
import { openCommitLoop } from "../helpers/disk.ts";
import { atLeast, atMost, type Benchmark, type Row } from "../helpers/measure.ts";
import { startPeer } from "../helpers/process.ts";
import { abortRun, createRun, enqueueRequest, taskSpec, untilPhase } from "../helpers/requests.ts";
import { clientsAt, startServer, type Clients } from "../helpers/server.ts";
import { callMany, quantile, takeTurns, type LoadResult } from "../helpers/stats.ts";

const LEVELS = [
  { concurrency: 1, calls: 150 },
  { concurrency: 16, calls: 800 },
  { concurrency: 64, calls: 1_600 },
] as const;
const SLEEP = taskSpec({ command: ["sleep", "600"] });
const RUN = "enqueue";

export const enqueue: Benchmark = {
  name: "enqueue",
  about: "Enqueue: latency and throughput, against a commit and against the protocol alone",
  conditions: SERVER_ONLY,
  floorConditions: BARE_COMMIT,
  run: async (context) => {
    // One place: its holder sleeps, so that what is enqueued stays queued and costs nothing else.
    const server = await startServer(context, { maxParallel: 1 });
    const echo = await startPeer(context, "echo-server.ts");
    const commits = openCommitLoop(await context.directory());
    context.defer(() => commits.close());
    await createRun(server.clients, RUN, SLEEP);
    context.defer(() => abortRun(server.clients, RUN));
    await untilPhase(server.clients, RUN, ActionPhase.RUNNING);

    let sent = 0;
    const load = (clients: Clients, calls: number, concurrency: number) =>
      callMany(calls, concurrency, () => clients.actions.enqueue(enqueueRequest(RUN, `c${sent++}`, SLEEP)));
    const bare = clientsAt(echo.first.port);
    await load(server.clients, context.count(500, 10), 16);
    await load(bare, context.count(500, 10), 16);

    const rows: Row[] = [];
    for (const { concurrency, calls } of LEVELS) {
      const count = context.count(calls, 20);
      const commitLoop = async (): Promise<LoadResult> => {
        const turns = Math.ceil(count / concurrency);
        const start = performance.now();
        const latencies = commits.run(turns, concurrency);
        return { latencies, perSecond: (turns * concurrency * 1_000) / (performance.now() - start) };
      };
      const results = await takeTurns(
        context.count(5, 1),
        {
          ours: () => load(server.clients, count, concurrency),
          echo: () => load(bare, count, concurrency),
          commits: commitLoop,
        },
        context.signal,
      );
      rows.push(...rowsOf(concurrency, results));
    }
    rows.push({ measure: "enqueue: server memory at the end", unit: "MB", ours: server.memory().rssMb });
    return rows;
  },
};

function rowsOf(
  concurrency: number,
  results: Record<"ours" | "echo" | "commits", readonly LoadResult[]>,
): Row[] {
  const latency = (name: keyof typeof results, q: number) =>
    summary(results[name].map(({ latencies }) => quantile(latencies, q)));
  const rate = (name: keyof typeof results) => summary(results[name].map(({ perSecond }) => perSecond));
  const what = `enqueue × ${concurrency}`;
  const sum = (q: number) => ({
    what: "bare echo + one bare commit",
    value: sumOf(latency("echo", q), latency("commits", q)),
  });
  return [
    { measure: `${what}: p50`, unit: "ms", ours: latency("ours", 0.5), floor: sum(0.5), goal: atMost(1.5) },
    { measure: `${what}: p99`, unit: "ms", ours: latency("ours", 0.99), floor: sum(0.99) },
    {
      measure: `${what}: calls`,
      unit: "/s",
      ours: rate("ours"),
      floor: { what: "bare connect-es echo", value: rate("echo"), conditions: BARE_SERVER },
      goal: atLeast(0.5),
    },
    {
      measure: `${what}: calls`,
      unit: "/s",
      ours: rate("ours"),
      floor: { what: `bare SQLite, ${concurrency} a commit`, value: rate("commits") },
    },
  ];
}
