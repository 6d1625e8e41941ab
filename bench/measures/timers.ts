/** What time limits cost that are still far away. */
import { setTimeout as sleep } from "node:timers/promises";
import { SERVER_ONLY } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atMost, type Benchmark } from "../helpers/measure.ts";
import { seed, seedTimers } from "../helpers/seed.ts";
import { startServer, type BenchServer } from "../helpers/server.ts";
import { median, takeTurns } from "../helpers/stats.ts";

const LOOK_MS = 2_000;

export const timers: Benchmark = {
  name: "timers",
  about: "an idle second of a server with 10,000 sleeping timers",
  conditions: SERVER_ONLY,
  floorConditions: SERVER_ONLY,
  run: async (context) => {
    const data = await context.directory();
    await seed(data, (store) => seedTimers(store, context.count(10_000, 100)));
    const full = await startServer(context, { data });
    const empty = await startServer(context);
    await sleep(LOOK_MS / 2);
    const idle = async (server: BenchServer) => {
      const before = server.cpuMs();
      await sleep(LOOK_MS);
      return ((server.cpuMs() - before) * 1_000) / LOOK_MS;
    };
    const results = await takeTurns(context.count(5, 1), {
      ours: () => idle(full),
      empty: () => idle(empty),
    });
    return [
      {
        measure: "timers: processor per idle second, 10,000 timers",
        unit: "ms",
        ours: summary(results.ours),
        goal: atMost(10, "ours"),
        note: `an empty server: ${median(results.empty).toFixed(1)} ms; read in steps of 5 ms`,
      },
      {
        measure: "timers: server memory, 10,000 timers",
        unit: "MB",
        ours: full.memory().rssMb,
        floor: { what: "an empty server", value: empty.memory().rssMb },
        goal: atMost(1.5),
      },
    ];
  },
};
