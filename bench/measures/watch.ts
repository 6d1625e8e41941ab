/** How soon a parent that watches its children is told of a new one. */
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { BARE_SERVER, SERVER_ONLY } from "../helpers/conditions.ts";
import { sumOf, summary } from "../helpers/figure.ts";
import { openCommitLoop } from "../helpers/disk.ts";
import { atMost, type BenchContext, type Benchmark } from "../helpers/measure.ts";
import { startPeer } from "../helpers/process.ts";
import {
  abortRun,
  actionId,
  createRun,
  enqueueRequest,
  ROOT,
  taskSpec,
  untilPhase,
} from "../helpers/requests.ts";
import { clientsAt, startServer, type Clients } from "../helpers/server.ts";
import { quantile, takeTurns } from "../helpers/stats.ts";

const SLEEP = taskSpec({ command: ["sleep", "600"] });
const RUN = "watch";

interface Told {
  /** From the answer to the update; negative where the update came first. */
  readonly afterAnswer: number;
  /** From sending the call to the update. */
  readonly afterCall: number;
}

export const watch: Benchmark = {
  name: "watch",
  about: "Enqueue answered → WatchForUpdates tells it",
  conditions: SERVER_ONLY,
  floorConditions: BARE_SERVER,
  run: async (context) => {
    const server = await startServer(context, { maxParallel: 1 });
    const echo = await startPeer(context, "echo-server.ts");
    const commits = openCommitLoop(await context.directory());
    context.defer(() => commits.close());
    await createRun(server.clients, RUN, SLEEP);
    context.defer(() => abortRun(server.clients, RUN));
    await untilPhase(server.clients, RUN, ActionPhase.RUNNING);

    const ours = await follow(context, server.clients);
    const bare = await follow(context, clientsAt(echo.first.port));
    let sent = 0;
    const next = () => `c${sent++}`;
    await Promise.all([ours(next()), bare(next())]);
    const results = await takeTurns(
      context.count(200, 5),
      {
        ours: () => ours(next()),
        bare: () => bare(next()),
        commit: async () => commits.run(1, 1)[0] ?? Number.NaN,
      },
      context.signal,
    );
    const answer = results.ours.map(({ afterAnswer }) => afterAnswer);
    const call = results.ours.map(({ afterCall }) => afterCall);
    const bareCall = results.bare.map(({ afterCall }) => afterCall);
    return [
      {
        measure: "watch: told after the answer, p50",
        unit: "ms",
        ours: quantile(answer, 0.5),
        goal: atMost(5, "ours"),
      },
      { measure: "watch: told after the answer, p99", unit: "ms", ours: quantile(answer, 0.99) },
      {
        measure: "watch: told after the call, p50",
        unit: "ms",
        ours: summary(call),
        floor: {
          what: "bare echo + one bare commit",
          value: sumOf(summary(bareCall), summary(results.commit)),
        },
        goal: atMost(2),
      },
    ];
  },
};

/** Watches the root's children; gives a function that enqueues one and waits until the watch tells it. */
async function follow(context: BenchContext, clients: Clients): Promise<(name: string) => Promise<Told>> {
  const waiting = new Map<string, (at: number) => void>();
  const stop = new AbortController();
  const ready = Promise.withResolvers<void>();
  const filter = { case: "parentActionId", value: actionId(RUN, ROOT) } as const;
  const watching = (async () => {
    for await (const { message } of clients.actions.watchForUpdates({ filter }, { signal: stop.signal })) {
      if (message.case === "controlMessage") ready.resolve();
      if (message.case === "actionUpdate")
        waiting.get(message.value.actionId?.name ?? "")?.(performance.now());
    }
  })().catch(ready.reject);
  context.defer(async () => {
    stop.abort();
    await watching;
  });
  await ready.promise;
  return async (name) => {
    const told = new Promise<number>((resolve) => waiting.set(name, resolve));
    const start = performance.now();
    await clients.actions.enqueue(enqueueRequest(RUN, name, SLEEP));
    const answered = performance.now();
    const at = await told;
    waiting.delete(name);
    return { afterAnswer: at - answered, afterCall: at - start };
  };
}
