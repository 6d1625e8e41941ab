/** From the start of the process to the line that says it is ready, on an empty store. */
import { join } from "node:path";
import { NOTHING, SERVER_ONLY } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atMost, type Benchmark } from "../helpers/measure.ts";
import { programMs } from "../helpers/process.ts";
import { startServer } from "../helpers/server.ts";
import { takeTurns } from "../helpers/stats.ts";

const IMPORT_ONLY = join(import.meta.dirname, "../helpers/import-only.ts");

export const start: Benchmark = {
  name: "start",
  about: "ready after node starts, on an empty store",
  conditions: SERVER_ONLY,
  floorConditions: NOTHING,
  run: async (context) => {
    let peakMb = 0;
    const ready = async () => {
      const server = await startServer(context);
      peakMb = Math.max(peakMb, server.memory().rssMb);
      await server.stop();
      return server.ms;
    };
    const works = {
      ours: ready,
      imports: () => programMs(process.execPath, [IMPORT_ONLY]),
      node: () => programMs(process.execPath, ["-e", "0"]),
    };
    // The first start compiles; what counts is every later one.
    await takeTurns(1, works);
    const times = await takeTurns(context.count(15, 2), works, context.signal);
    const ours = summary(times.ours);
    return [
      {
        measure: "start: ready, empty store",
        unit: "ms",
        ours,
        floor: { what: "loading the same modules", value: summary(times.imports) },
        goal: atMost(400, "ours"),
      },
      {
        measure: "start: ready, empty store",
        unit: "ms",
        ours,
        floor: { what: "node -e 0", value: summary(times.node) },
      },
      { measure: "start: memory when ready (most)", unit: "MB", ours: peakMb, goal: atMost(120, "ours") },
    ];
  },
};
