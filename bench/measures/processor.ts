/** What an action costs the server itself: processor time for each child, and for one that only sleeps. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { bareA0Cpu, missingA0, ONE_TASK } from "../helpers/bare-action.ts";
import { FLYTE_IMAGE, missingImage, taggedImage } from "../helpers/bench-images.ts";
import { BARE_PROGRAM, IN_CONTAINERS, IN_PROCESSES } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { flyteProgram } from "../helpers/flyte-program.ts";
import { atMost, type BenchContext, type Benchmark, type Row } from "../helpers/measure.ts";
import { abortRun, createRun, taskSpec, untilPhase } from "../helpers/requests.ts";
import { startServer, type ServerOptions } from "../helpers/server.ts";
import { takeTurns } from "../helpers/stats.ts";
import { warmFlow, COLD_WARM_UPS } from "../helpers/warm-flow.ts";

/** Children of each round, and of the warm-up: the server's own code is compiled by then. */
const CHILDREN = 20;
const SLEEPING = 4;
const OBSERVED_MS = 10_000;
const SHARE_OF_A0 = 0.015;

export const processor: Benchmark = {
  name: "processor",
  about: "processor time of the server: each cold child, four sleeping attempts; Podman and process",
  conditions: IN_CONTAINERS,
  floorConditions: BARE_PROGRAM,
  missing: missingA0,
  limitSeconds: 600,
  run: async (context) => {
    const rows = await measure(context, "process", "unused:1");
    const missing = await missingImage(FLYTE_IMAGE);
    if (missing !== undefined) {
      context.say(`Podman is left out: ${missing}`);
      return rows;
    }
    const image = await taggedImage(context, FLYTE_IMAGE, "processor");
    return [...rows, ...(await measure(context, "podman", image))];
  },
};

async function measure(
  context: BenchContext,
  engine: NonNullable<ServerOptions["engine"]>,
  image: string,
): Promise<Row[]> {
  const server = await startServer(context, { engine, maxParallel: SLEEPING + 2 });
  const directory = await context.directory();
  await writeFile(join(directory, "flow.py"), ONE_TASK);
  const program = await flyteProgram(context, server, warmFlow({ image, mode: "cold" }));
  const count = context.count(CHILDREN, 2);
  /** Of a run with its parent, less that of one with no child but the first two. */
  const cpuOfRun = async (children: number) => {
    const before = server.cpuMs();
    await program.run("sequential", { count: children });
    return server.cpuMs() - before;
  };
  const works = {
    child: async () => {
      const base = await cpuOfRun(0);
      return ((await cpuOfRun(count)) - base) / count;
    },
    a0: () => bareA0Cpu(directory),
  };
  await takeTurns(1, works);
  const results = await takeTurns(context.count(5, 1), works, context.signal);

  const observe = async () => {
    const before = server.cpuMs();
    const ms = context.count(OBSERVED_MS, 500);
    await sleep(ms);
    return ((server.cpuMs() - before) * 1_000) / ms;
  };
  const idle = await observe();
  const runs = Array.from({ length: SLEEPING }, (_, index) => `sleeping-${engine}-${index}`);
  for (const run of runs) {
    await createRun(server.clients, run, taskSpec({ command: ["sleep", "600"], image }));
    context.defer(() => abortRun(server.clients, run));
    await untilPhase(server.clients, run, ActionPhase.RUNNING);
  }
  await observe();
  const sleeping = await observe();
  for (const run of runs) await abortRun(server.clients, run);
  const conditions = engine === "process" ? IN_PROCESSES : IN_CONTAINERS;
  return [
    {
      measure: `processor: the server's, for each cold child, ${engine}`,
      unit: "ms",
      ours: summary(results.child),
      floor: { what: "bare a0", value: summary(results.a0) },
      goal: atMost(SHARE_OF_A0),
      conditions,
      note: `after ${COLD_WARM_UPS} children that are not counted`,
    },
    {
      measure: `processor: the server's, for each second of ${SLEEPING} sleeping attempts, ${engine}`,
      unit: "ms",
      ours: Math.max(0, sleeping - idle),
      goal: atMost(1, "ours"),
      conditions,
      note: `beyond an idle server's ${idle.toFixed(1)} ms`,
    },
  ];
}
