/** What a network of its own costs a run that starts in a container, against the engine's own network. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { engineForTests, TEST_ENGINES, type TestEngine } from "../../test/executors/engine-for-tests.ts";
import { IN_CONTAINERS } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atMost, type BenchContext, type Benchmark, type Row } from "../helpers/measure.ts";
import { abortRun, actionId, createRun, ROOT, taskSpec } from "../helpers/requests.ts";
import { startServer, type Clients } from "../helpers/server.ts";
import { takeTurns } from "../helpers/stats.ts";
import { stampIn } from "../helpers/stamp.ts";

const IMAGE = process.env["BOXKITE_BENCH_IMAGE"] ?? "docker.io/library/debian:12-slim";
const ENDS = taskSpec({ image: IMAGE, command: ["/bin/date", "+%s%N"] });
const STAYS = taskSpec({
  image: IMAGE,
  command: ["/bin/sh", "-c", "date +%s%N; trap exit TERM; sleep 600 & wait"],
});

export const networks: Benchmark = {
  name: "networks",
  about:
    "a run's start on a network that is used again, and on a new one, against the engine's own; podman and docker",
  conditions: IN_CONTAINERS,
  floorConditions: IN_CONTAINERS,
  limitSeconds: 240,
  run: async (context) => {
    const rows: Row[] = [];
    for (const name of TEST_ENGINES) {
      const engine = await engineForTests(name);
      context.defer(() => engine.close());
      if (engine.missing === undefined) rows.push(...(await measure(context, engine)));
      else context.say(`${name} is left out: ${engine.missing}`);
    }
    return rows;
  },
};

async function measure(context: BenchContext, engine: TestEngine): Promise<readonly Row[]> {
  const again = await serverWith(context, engine, "");
  const fresh = await serverWith(context, engine, "");
  const shared = await serverWith(context, engine, "containers: {shared-network: true}");
  let count = 0;
  const ending = (clients: Clients) => async () => firstInstruction(clients, `networks-${count++}`, ENDS);
  const works = {
    again: ending(again),
    // Each run keeps its network, so the next one needs another.
    fresh: async () => {
      const run = `networks-${count++}`;
      context.defer(() => abortRun(fresh, run));
      return await firstInstruction(fresh, run, STAYS);
    },
    shared: ending(shared),
  };
  await takeTurns(context.count(2, 1), works);
  const times = await takeTurns(context.count(14, 1), works, context.signal);
  const floor = { what: "on the engine's own network", value: summary(times.shared) };
  return [
    {
      measure: `${engine.name}: CreateRun → first instruction, network used again`,
      unit: "ms",
      ours: summary(times.again),
      floor,
      goal: atMost(1.05),
    },
    {
      measure: `${engine.name}: CreateRun → first instruction, new network`,
      unit: "ms",
      ours: summary(times.fresh),
      floor,
      goal: atMost(1.2),
    },
  ];
}

async function serverWith(
  context: BenchContext,
  { name, env }: TestEngine,
  settings: string,
): Promise<Clients> {
  const config = join(await context.directory(), "boxkite.yaml");
  await writeFile(config, settings);
  const { clients } = await startServer(context, {
    engine: name,
    maxParallel: 64,
    args: ["--config", config],
    env,
  });
  return clients;
}

/** Milliseconds from the call until the container's first instruction. */
async function firstInstruction(clients: Clients, run: string, task: typeof ENDS): Promise<number> {
  const asked = Date.now();
  await createRun(clients, run, task);
  let output = "";
  for await (const { logs } of clients.data.tailLogs({ actionId: actionId(run, ROOT), attempt: 1 })) {
    for (const { lines } of logs) for (const { message } of lines) output += message;
    if (stampIn(output) !== undefined) break;
  }
  const stamp = stampIn(output);
  if (stamp === undefined)
    throw new Error(`the container did not say when it started: ${output.slice(0, 500)}`);
  return stamp - asked;
}
