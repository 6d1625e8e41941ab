/** How many changes one watcher is told a second, and what watchers cost that have nothing to be told. */
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { SERVER_ONLY } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atLeast, atMost, type BenchContext, type Benchmark } from "../helpers/measure.ts";
import { watchRaw } from "../helpers/raw-watch.ts";
import { abortRun, createRun, taskSpec, untilPhase } from "../helpers/requests.ts";
import { seed, seedWideRun } from "../helpers/seed.ts";
import { startServer, type BenchServer } from "../helpers/server.ts";
import { takeTurns } from "../helpers/stats.ts";

const SLEEP = taskSpec({ command: ["sleep", "600"] });
const RUN = "events";
const WIDE = "wide";

export const events: Benchmark = {
  name: "events",
  about: "changes to one watcher a second; the memory of 1,000 idle watchers",
  conditions: SERVER_ONLY,
  floorConditions: SERVER_ONLY,
  limitSeconds: 180,
  run: async (context) => {
    const actions = context.count(20_000, 200);
    const data = await context.directory();
    await seed(data, (store) => seedWideRun(store, WIDE, actions));
    const server = await startServer(context, { data, maxParallel: 1 });
    const watchers = context.count(1_000, 20);
    const told = async () => {
      const started = performance.now();
      const watch = await watchRaw(server.port, WIDE);
      // The children, and the sentinel behind them.
      await watch.reached(actions + 1);
      watch.close();
      return (actions * 1_000) / (performance.now() - started);
    };
    await told();
    const rates = await takeTurns(context.count(9, 1), { told }, context.signal);
    return [
      {
        measure: `events: ${actions.toLocaleString("en")} changes to one watcher`,
        unit: "/s",
        ours: summary(rates.told),
        goal: atLeast(20_000, "ours"),
        note: "the client counts them without decoding",
      },
      {
        measure: `events: memory of ${watchers.toLocaleString("en")} idle watchers`,
        unit: "MB",
        ours: await memoryOfWatchers(context, server, watchers),
        goal: atMost(60, "ours"),
      },
    ];
  },
};

async function memoryOfWatchers(
  context: BenchContext,
  server: BenchServer,
  watchers: number,
): Promise<number> {
  await createRun(server.clients, RUN, SLEEP);
  context.defer(() => abortRun(server.clients, RUN));
  await untilPhase(server.clients, RUN, ActionPhase.RUNNING);
  const before = server.memory().rssMb;
  const opened = await Promise.all(Array.from({ length: watchers }, () => watchRaw(server.port, RUN)));
  const after = server.memory().rssMb;
  for (const watch of opened) watch.close();
  return after - before;
}
