/** Many trivial children at once, on the process executor with the stock SDK. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import { InputsSchema } from "../../src/wire/gen/flyteidl2/task/common_pb.js";
import { clientConfig } from "../../test/helpers/server.ts";
import { atLeast, atMost, type BenchContext, type Benchmark } from "../helpers/measure.ts";
import { programMs } from "../helpers/process.ts";
import { abortRun, actionId, isOver, ROOT } from "../helpers/requests.ts";
import { PYTHON, startServer, type Clients } from "../helpers/server.ts";
import { callMany, median, timed } from "../helpers/stats.ts";

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
  missing: async () => (existsSync(join(PYTHON, "../a0")) ? undefined : `there is no a0 beside ${PYTHON}`),
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
        floor: { what: "bare a0 without a server, as many at a time", value: median(floors) },
        goal: atLeast(0.85),
        note: `${ends.length} of ${children} ended in the time given`,
      },
      {
        measure: "fanout: one bare a0",
        unit: "ms",
        ours: median([await timed(() => bareA0(directory, 0)), await timed(() => bareA0(directory, 0))]),
        floor: { what: "python -c 'import flyte'", value: await programMs(PYTHON, ["-c", "import flyte"]) },
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

/** One action by the SDK's own runtime, with its files on the disk and nobody to report to. */
async function bareA0(directory: string, index: number): Promise<void> {
  const place = join(directory, `bare-${index}`);
  await mkdir(place, { recursive: true });
  const inputs = create(InputsSchema, {
    literals: [
      {
        name: "i",
        value: {
          value: {
            case: "scalar",
            value: { value: { case: "primitive", value: { value: { case: "integer", value: 3n } } } },
          },
        },
      },
    ],
  });
  await writeFile(join(place, "inputs.pb"), toBinary(InputsSchema, inputs));
  const args = [
    ["--inputs", join(place, "inputs.pb")],
    ["--outputs-path", place],
    ["--version", "1"],
    ["--raw-data-path", join(place, "raw")],
    ["--checkpoint-path", join(place, "checkpoints")],
    ["--prev-checkpoint", ""],
    ["--run-name", "bare"],
    ["--name", `a${index}`],
    ["--resolver", "flyte._internal.resolvers.default.DefaultTaskResolver"],
    ["mod", "flow", "instance", "one"],
  ].flat();
  // Port 9 is nobody's: the runtime makes its connection only when a task has children.
  const env = {
    PATH: `${join(PYTHON, "..")}:${process.env["PATH"]}`,
    HOME: directory,
    _U_EP_OVERRIDE: "127.0.0.1:9",
    _U_INSECURE: "true",
    _U_USE_ACTIONS: "1",
    _U_RUN_BASE: place,
    _U_ORG_NAME: "local",
    RUN_NAME: "bare",
    ACTION_NAME: `a${index}`,
    FLYTE_INTERNAL_EXECUTION_PROJECT: "flytesnacks",
    FLYTE_INTERNAL_EXECUTION_DOMAIN: "development",
  };
  await programMs(join(PYTHON, "../a0"), args, { cwd: directory, env });
}
