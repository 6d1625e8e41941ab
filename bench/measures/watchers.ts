/** What watchers cost the calls that make changes: one change is read and encoded once for all of them. */
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { SERVER_ONLY } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atMost, type Benchmark } from "../helpers/measure.ts";
import { watchRaw } from "../helpers/raw-watch.ts";
import { abortRun, createRun, enqueueRequest, taskSpec, untilPhase } from "../helpers/requests.ts";
import { startServer } from "../helpers/server.ts";
import { callMany, quantile, takeTurns } from "../helpers/stats.ts";

const SLEEP = taskSpec({ command: ["sleep", "600"] });
const HOLDER = "holder";
const CONCURRENCY = 16;

interface Load {
  readonly cpuMsPerAction: number;
  readonly p99: number;
}

export const watchers: Benchmark = {
  name: "watchers",
  about: "many watches of one parent: processor per action, and how long Enqueue takes",
  conditions: SERVER_ONLY,
  floorConditions: SERVER_ONLY,
  limitSeconds: 180,
  run: async (context) => {
    // One slot: its holder sleeps, so that what is enqueued stays queued and costs nothing else.
    const server = await startServer(context, { maxParallel: 1 });
    await createRun(server.clients, HOLDER, SLEEP);
    context.defer(() => abortRun(server.clients, HOLDER));
    await untilPhase(server.clients, HOLDER, ActionPhase.RUNNING);

    const calls = context.count(800, 20);
    let runs = 0;
    /** A run of its own each time, so that every watch begins with nothing. */
    const load = async (watches: number): Promise<Load> => {
      const run = `r${runs++}`;
      await createRun(server.clients, run, SLEEP);
      const opened = await Promise.all(Array.from({ length: watches }, () => watchRaw(server.port, run)));
      const received = opened.map((watch) => watch.reached(1 + calls));
      const before = server.cpuMs();
      const { latencies } = await callMany(calls, CONCURRENCY, (index) =>
        server.clients.actions.enqueue(enqueueRequest(run, `c${index}`, SLEEP)),
      );
      await Promise.all(received);
      const cpuMsPerAction = (server.cpuMs() - before) / calls;
      for (const watch of opened) watch.close();
      await server.clients.runs.abortRun({
        runId: { project: "flytesnacks", domain: "development", name: run },
      });
      return { cpuMsPerAction, p99: quantile(latencies, 0.99) };
    };
    await load(1);
    const works = { none: () => load(0), one: () => load(1), twenty: () => load(20), many: () => load(200) };
    const results = await takeTurns(context.count(5, 1), works, context.signal);
    const cpu = (name: keyof typeof works) => summary(results[name].map((each) => each.cpuMsPerAction));
    return [
      {
        measure: "watchers: processor per action, 1",
        unit: "ms",
        ours: cpu("one"),
        floor: { what: "without any", value: cpu("none") },
      },
      {
        measure: "watchers: processor per action, 20",
        unit: "ms",
        ours: cpu("twenty"),
        floor: { what: "with one watch", value: cpu("one") },
        goal: atMost(1.2),
      },
      {
        measure: "watchers: processor per action, 200",
        unit: "ms",
        ours: cpu("many"),
        floor: { what: "with one watch", value: cpu("one") },
      },
      {
        measure: "watchers: Enqueue p99 under 200",
        unit: "ms",
        ours: summary(results.many.map(({ p99 }) => p99)),
        floor: { what: "without any", value: summary(results.none.map(({ p99 }) => p99)) },
        goal: atMost(250, "ours"),
      },
    ];
  },
};
