/** The TypeScript SDK: its runtime, its actions beside the stock Python SDK's, and local mode beside its peers. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import { InputsSchema } from "../../src/wire/gen/flyteidl2/task/common_pb.js";
import { createProject } from "../../test/sdk/helpers/package.ts";
import { IN_PROCESSES, NOTHING } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atMost, type BenchContext, type Benchmark, type Floor, type Row } from "../helpers/measure.ts";
import { programMs } from "../helpers/process.ts";
import { PYTHON, startServer } from "../helpers/server.ts";
import { takeTurns } from "../helpers/stats.ts";
import { startPeers } from "../peers/start-peers.ts";

const TASKS = `
import * as flyte from "boxkite";
import { z } from "zod";
const env = new flyte.TaskEnvironment({ name: "bench", image: "unused:1" });
export const none = env.task({ name: "none" }, async () => undefined);
export const one = env.task({ name: "one", inputs: { n: z.int() }, output: z.int() }, async ({ n }) => n + 1);
export const fan = env.task({ name: "fan", inputs: { n: z.int() }, output: z.int() }, async ({ n }) =>
  (await flyte.map(one, Array.from({ length: n }, (_, index) => ({ n: index })))).length);
export const chain = env.task({ name: "chain", inputs: { n: z.int() }, output: z.int() }, async ({ n }) => {
  let value = 0;
  for (let step = 0; step < n; step++) value = await one({ n: value });
  return value;
});
`;
/** Prints milliseconds: of a run on a server, or of a call in local mode. */
const MAIN = `
import * as flyte from "boxkite";
import * as tasks from "./tasks.ts";
const [endpoint = "", name = "", n = "1"] = process.argv.slice(2);
const mode = endpoint === "local" ? "local" : "remote";
if (mode === "remote") await flyte.init({ endpoint, insecure: true, project: "flytesnacks", domain: "development" });
const runner = flyte.withRunContext({ mode });
const task = tasks[name as "one" | "fan" | "chain"];
if (mode === "local") await (await runner.run(task, { n: 10 })).outputs();
const started = performance.now();
await (await runner.run(task, { n: Number(n) })).outputs();
console.log(performance.now() - started);
`;
const PYTHON_FLOW = `
import asyncio, flyte
env = flyte.TaskEnvironment(name="benchpy", image="unused:1")

@env.task
async def one(n: int) -> int:
    return n + 1

@env.task
async def fan(n: int) -> int:
    return len(await asyncio.gather(*(one(i) for i in range(n))))

@env.task
async def chain(n: int) -> int:
    value = 0
    for _ in range(n):
        value = await one(value)
    return value
`;
const PYTHON_MAIN = `
import sys, time, flyte, flow
endpoint, name, n = sys.argv[1:]
if endpoint == "local":
    flyte.init()
    runner = flyte.with_runcontext(mode="local")
    runner.run(flow.chain, n=10)
else:
    flyte.init(endpoint=endpoint, insecure=True, project="flytesnacks", domain="development")
    runner = flyte.with_runcontext()
started = time.perf_counter()
run = runner.run(getattr(flow, name), n=int(n))
run.wait(quiet=True)
print((time.perf_counter() - started) * 1000)
`;

export const typescript: Benchmark = {
  name: "typescript",
  about: "the TypeScript runtime and local mode, beside the stock Python SDK and durable peers",
  conditions: IN_PROCESSES,
  floorConditions: IN_PROCESSES,
  missing: async () => (existsSync(join(PYTHON, "../a0")) ? undefined : `there is no a0 beside ${PYTHON}`),
  limitSeconds: 420,
  run: async (context) => {
    const { directory, bin } = createProject({ "tasks.ts": TASKS, "main.ts": MAIN });
    context.defer(() => rm(directory, { recursive: true, force: true }));
    const python = join(directory, "python");
    await mkdir(python);
    await writeFile(join(python, "flow.py"), PYTHON_FLOW);
    await writeFile(join(python, "main.py"), PYTHON_MAIN);
    // Away from the configuration of whoever runs this.
    const env = { ...process.env, HOME: directory };
    const printed = async (program: string, file: string, cwd: string, args: readonly string[]) => {
      const { stdout } = await promisify(execFile)(program, [file, ...args], {
        cwd,
        env,
        maxBuffer: 16 << 20,
      });
      return Number(stdout.trim().split("\n").at(-1));
    };
    const ours = (...args: string[]) => printed(process.execPath, "main.ts", directory, args);
    const theirs = (...args: string[]) => printed(PYTHON, "main.py", python, args);

    const runtime = await takeTurns(
      context.count(11, 1),
      {
        cold: () => bareRuntime(directory, { NODE_DISABLE_COMPILE_CACHE: "1" }),
        warm: () => bareRuntime(directory, { NODE_COMPILE_CACHE: join(directory, "compiled") }),
        node: () => programMs(process.execPath, ["-e", "0"]),
      },
      context.signal,
    );
    const server = await startServer(context, {
      env: { PATH: `${bin}${delimiter}${process.env["PATH"]}` },
    });
    const endpoint = `localhost:${server.port}`;
    const oneAction = {
      ours: () => ours(endpoint, "one", "1"),
      theirs: () => theirs(endpoint, "one", "1"),
    };
    await takeTurns(1, oneAction);
    const one = await takeTurns(context.count(7, 1), oneAction, context.signal);
    const children = String(context.count(200, 4));
    const fan = {
      ours: await ours(endpoint, "fan", children),
      theirs: await theirs(endpoint, "fan", children),
    };
    const steps = context.count(1000, 20);
    const local = await takeTurns(context.count(5, 1), {
      ours: async () => (await ours("local", "chain", String(steps))) / steps,
      theirs: async () => (await theirs("local", "chain", String(steps))) / steps,
    });
    const node = { what: "node -e 0", value: summary(runtime.node) };
    const perStep = summary(local.ours);
    const localRow = (floor: Floor): Row => ({
      measure: "typescript: a call in local mode",
      unit: "ms",
      ours: perStep,
      conditions: NOTHING,
      floor,
      goal: atMost(1),
    });
    return [
      { measure: "typescript: a0-ts, a task with zod", unit: "ms", ours: summary(runtime.cold), floor: node },
      {
        measure: "typescript: the same, compiled before",
        unit: "ms",
        ours: summary(runtime.warm),
        floor: node,
      },
      {
        measure: "typescript: one action, run to outputs",
        unit: "ms",
        ours: summary(one.ours),
        floor: { what: "the same in Python", value: summary(one.theirs) },
        goal: atMost(1),
      },
      {
        measure: `typescript: ${children} children, run to outputs`,
        unit: "ms",
        ours: fan.ours,
        floor: { what: "the same in Python", value: fan.theirs },
        goal: atMost(1),
      },
      localRow({ what: "the same in Python", value: summary(local.theirs), conditions: NOTHING }),
      ...(await peersOfLocalMode(context)).map(localRow),
    ];
  },
};

/** Engines whose steps are durable, for comparison with a call in local mode, which is not. */
async function peersOfLocalMode(context: BenchContext): Promise<readonly Floor[]> {
  const steps = context.count(100, 5);
  const floors: Floor[] = [];
  for (const { peer, program } of await startPeers(context, ["DBOS", "Restate, steps of one journal"])) {
    await program.ms("chain", steps);
    const times = await takeTurns(context.count(5, 1), {
      chain: async () => (await program.ms("chain", steps)) / steps,
    });
    const { name, conditions } = peer;
    floors.push({ what: `a step of ${name}`, value: summary(times.chain), conditions, isPeer: true });
  }
  return floors;
}

/** One action by `a0-ts`, with its files on the disk and nobody to report to. */
async function bareRuntime(directory: string, env: NodeJS.ProcessEnv): Promise<number> {
  const inputs = join(directory, "inputs.pb");
  await writeFile(inputs, toBinary(InputsSchema, create(InputsSchema)));
  const args = [
    join(directory, "node_modules/boxkite/bin/a0-ts.cjs"),
    ["--inputs", inputs, "--outputs-path", join(directory, "out"), "--version", "1"],
    ["--resolver", "ts", "mod", "tasks.ts", "export", "none"],
  ].flat();
  return programMs(process.execPath, args, {
    cwd: directory,
    env: {
      PATH: process.env["PATH"],
      _U_RUN_BASE: directory,
      ACTION_NAME: "a0",
      RUN_NAME: "bare",
      FLYTE_INTERNAL_EXECUTION_PROJECT: "flytesnacks",
      FLYTE_INTERNAL_EXECUTION_DOMAIN: "development",
      ...env,
    },
  });
}
