/** What 100,000 actions cost the server: its memory, and its next start. */
import { setTimeout as sleep } from "node:timers/promises";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { SERVER_ONLY } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atMost, type Benchmark, type Row } from "../helpers/measure.ts";
import { createRun, enqueueRequest, taskSpec, untilPhase } from "../helpers/requests.ts";
import { startServer } from "../helpers/server.ts";
import { callMany, takeTurns } from "../helpers/stats.ts";

/** The holder of the only slot: all others stay queued. */
const SLEEP = taskSpec({ command: ["sleep", "3600"] });
const RUN = "many";
const AT_ONCE = 64;

export const manyActions: Benchmark = {
  name: "many-actions",
  about: "100,000 queued actions: memory of the server, and its start with them",
  conditions: SERVER_ONLY,
  floorConditions: SERVER_ONLY,
  limitSeconds: 600,
  run: async (context) => {
    const actions = context.count(100_000, 500);
    const data = await context.directory();
    const server = await startServer(context, { data, maxParallel: 1 });
    await sleep(context.count(2_000, 0));
    const idleMb = server.memory().rssMb;
    await createRun(server.clients, RUN, SLEEP);
    await untilPhase(server.clients, RUN, ActionPhase.RUNNING);
    context.say(`enqueueing ${actions} actions`);
    // With the root they are as many, which is the limit of a run.
    const load = await callMany(actions - 1, AT_ONCE, (index) =>
      server.clients.actions.enqueue(enqueueRequest(RUN, `c${index}`, SLEEP)),
    );
    const count = actions.toLocaleString("en");
    context.row({
      measure: "many-actions: an idle server",
      unit: "MB",
      ours: idleMb,
      goal: atMost(120, "ours"),
    });
    context.row({
      measure: `many-actions: ${count} queued actions more`,
      unit: "MB",
      ours: server.memory().rssMb - idleMb,
      goal: atMost(250, "ours"),
    });
    context.row({
      measure: `many-actions: Enqueue of them, ${AT_ONCE} at a time`,
      unit: "/s",
      ours: load.perSecond,
    });
    await server.stop();

    const empty = await context.directory();
    const start = async (directory: string) => {
      const next = await startServer(context, { data: directory, maxParallel: 1 });
      await next.stop();
      return next.ms;
    };
    const works = { full: () => start(data), empty: () => start(empty) };
    await takeTurns(1, works);
    const times = await takeTurns(context.count(7, 1), works, context.signal);
    const rows: Row[] = [
      {
        measure: `many-actions: ready with ${count} to recover`,
        unit: "ms",
        ours: summary(times.full),
        floor: { what: "with an empty store", value: summary(times.empty) },
        goal: atMost(3_000, "ours"),
      },
    ];
    const last = await startServer(context, { data, maxParallel: 1 });
    await last.clients.runs.abortRun({
      runId: { org: "", project: "flytesnacks", domain: "development", name: RUN },
      reason: "the benchmark is over",
    });
    await untilPhase(last.clients, RUN, ActionPhase.ABORTED);
    return rows;
  },
};
