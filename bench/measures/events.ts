/** How fast one watcher gets what has happened and what happens, and what watchers cost to whom nothing happens. */
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { SERVER_ONLY } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atLeast, atMost, type BenchContext, type Benchmark } from "../helpers/measure.ts";
import { watchRaw } from "../helpers/raw-watch.ts";
import { abortRun, createRun, enqueueRequest, taskSpec, untilPhase } from "../helpers/requests.ts";
import { seed, seedWideRun } from "../helpers/seed.ts";
import { startServer, type BenchServer } from "../helpers/server.ts";
import { callMany, takeTurns } from "../helpers/stats.ts";

const SLEEP = taskSpec({ command: ["sleep", "600"] });
const RUN = "events";
const WIDE = "wide";
const AT_ONCE = 64;

export const events: Benchmark = {
  name: "events",
  about:
    "children to one watcher a second, from the store and as they are made; the memory of 1,000 idle watchers",
  conditions: SERVER_ONLY,
  floorConditions: SERVER_ONLY,
  limitSeconds: 180,
  run: async (context) => {
    const actions = context.count(20_000, 200);
    const data = await context.directory();
    await seed(data, (store) => seedWideRun(store, WIDE, actions));
    const server = await startServer(context, { data, maxParallel: 1 });
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
    const watchers = context.count(1_000, 20);
    const idle = await memoryOfWatchers(context, server, watchers);
    const live = await liveRates(context, server);
    return [
      {
        measure: `events: a backlog of ${actions.toLocaleString("en")} children to a new watcher`,
        unit: "/s",
        ours: summary(rates.told),
        goal: atLeast(20_000, "ours"),
        note: "they lie in the store; the client counts them without decoding",
      },
      {
        measure: `events: children to one watcher while ${AT_ONCE} calls at a time enqueue them`,
        unit: "/s",
        ours: summary(live),
        note: "from the first call until the watcher has all, each after its commit",
      },
      {
        measure: `events: memory of ${watchers.toLocaleString("en")} idle watchers`,
        unit: "MB",
        ours: idle,
        goal: atMost(60, "ours"),
      },
    ];
  },
};

/** `server`: its only slot is taken, so that what is enqueued stays queued. */
async function liveRates(context: BenchContext, server: BenchServer): Promise<readonly number[]> {
  const count = context.count(5_000, 100);
  let round = 0;
  const live = async () => {
    const run = `live-${round++}`;
    await createRun(server.clients, run, SLEEP);
    context.defer(() => abortRun(server.clients, run));
    const watch = await watchRaw(server.port, run);
    const started = performance.now();
    await callMany(count, AT_ONCE, (index) =>
      server.clients.actions.enqueue(enqueueRequest(run, `child-${index}`, SLEEP)),
    );
    // The sentinel came first.
    await watch.reached(count + 1);
    const rate = (count * 1_000) / (performance.now() - started);
    watch.close();
    return rate;
  };
  await live();
  return (await takeTurns(context.count(5, 1), { live }, context.signal)).live;
}

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
