/** Many trivial children at once, on the process executor with the stock SDK. */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { clientConfig } from "../../test/helpers/server.ts";
import { bareA0, missingA0 } from "../helpers/bare-action.ts";
import { BARE_PROGRAM, IN_PROCESSES } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atLeast, atMost, type BenchContext, type Benchmark } from "../helpers/measure.ts";
import { abortRun, actionId, isOver, ROOT } from "../helpers/requests.ts";
import { PYTHON, startServer, type Clients } from "../helpers/server.ts";
import { callMany } from "../helpers/stats.ts";

const FLOW = `
import asyncio, flyte
env = flyte.TaskEnvironment(name="bench")

@env.task
async def one(i: int) -> int:
    return i

@env.task
async def fan(n: int) -> int:
    return sum(await asyncio.gather(*[one(i) for i in range(n)]))
`;
const MAIN = `
import sys, flyte, flow
flyte.init_from_config(sys.argv[1])
print(flyte.run(flow.fan, n=int(sys.argv[2])).name)
`;
/** As many at the same time as the server allows by itself on two processors. */
const PARALLEL = 4;
/** How long children are counted: a slow machine shows its rate as well with fewer of them. */
const WINDOW_MS = 45_000;

export const fanout: Benchmark = {
  name: "fanout",
  about: "200 parallel trivial children on process, with the stock SDK",
  conditions: IN_PROCESSES,
  floorConditions: BARE_PROGRAM,
  missing: missingA0,
  limitSeconds: 120,
  run: async (context) => {
    const directory = await context.directory();
    await writeFile(join(directory, "flow.py"), FLOW);
    await writeFile(join(directory, "main.py"), MAIN);
    const server = await startServer(context, { maxParallel: PARALLEL });
    await writeFile(join(directory, "config.yaml"), clientConfig(server.port));
    const idleMb = server.memory().rssMb;

    const children = context.count(200, 4);
    const floorCount = context.count(16, 2);
    const bare = async () =>
      (await callMany(floorCount, PARALLEL, (index) => bareA0(directory, index))).perSecond;
    await bareA0(directory, 0);
    const floors = [await bare()];

    const env = { ...process.env, HOME: directory };
    const { stdout } = await promisify(execFile)(PYTHON, ["main.py", "config.yaml", String(children)], {
      cwd: directory,
      env,
    });
    const run = stdout.trim().split("\n").at(-1) ?? "";
    context.defer(() => abortRun(server.clients, run));
    const cpuBefore = server.cpuMs();
    const ends = await endsOfChildren(context, server.clients, run, children);
    const cpuMs = server.cpuMs() - cpuBefore;
    const { peakMb } = server.memory();
    await abortRun(server.clients, run);
    floors.push(await bare());

    const spanMs = (ends.at(-1) ?? 0) - (ends[0] ?? 0);
    return [
      {
        measure: "fanout: children on process",
        unit: "/s",
        ours: ((ends.length - 1) * 1_000) / spanMs,
        floor: { what: "bare a0 without a server, as many at a time", value: summary(floors) },
        goal: atLeast(0.85),
        note: `${ends.length} of ${children} ended in the time given`,
      },
      { measure: "fanout: server's processor time per child", unit: "ms", ours: cpuMs / ends.length },
      {
        measure: "fanout: server memory, most",
        unit: "MB",
        ours: peakMb,
        floor: { what: "before", value: idleMb },
        goal: atMost(250, "ours"),
      },
    ];
  },
};

/** When each child was told to be over, in the order in which that happened. */
async function endsOfChildren(
  context: BenchContext,
  clients: Clients,
  run: string,
  count: number,
): Promise<number[]> {
  const ends: number[] = [];
  const stop = AbortSignal.any([context.signal, AbortSignal.timeout(WINDOW_MS)]);
  const filter = { case: "parentActionId", value: actionId(run, ROOT) } as const;
  try {
    for await (const { message } of clients.actions.watchForUpdates({ filter }, { signal: stop })) {
      if (message.case !== "actionUpdate" || !isOver(message.value.phase)) continue;
      if (message.value.error) throw new Error(`a child failed: ${message.value.error.message}`);
      ends.push(performance.now());
      if (ends.length === count) break;
    }
  } catch (error) {
    if (!stop.aborted) throw error;
  }
  return ends;
}
