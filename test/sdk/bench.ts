/**
 * Measures the runtime: cold start, one action against the same in Python, a fan-out, local mode.
 *
 *   node test/sdk/bench.ts            medians, in milliseconds; needs the stock Python SDK's virtual environment
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { create, toBinary } from "@bufbuild/protobuf";
import { stockPython } from "../helpers/stock-sdk.ts";
import { createProject } from "./helpers/package.ts";
import { InputsSchema } from "../../src/wire/gen/flyteidl2/task/common_pb.js";

const FAN = Number(process.env["FAN"] ?? 200);
const ROUNDS = Number(process.env["ROUNDS"] ?? 9);

const TASKS = `
import * as flyte from "boxkite";
import { z } from "zod";
const env = new flyte.TaskEnvironment({ name: "bench", image: "unused:1" });
export const one = env.task({ name: "one", inputs: { n: z.int() }, output: z.int() }, async ({ n }) => n + 1);
export const none = env.task({ name: "none" }, async () => undefined);
export const fan = env.task({ name: "fan", inputs: { n: z.int() }, output: z.int() }, async ({ n }) =>
  (await flyte.map(one, Array.from({ length: n }, (_, index) => ({ n: index })))).length);
`;

const MAIN = `
import * as flyte from "boxkite";
import { fan, one } from "./tasks.ts";
const [endpoint = "", what = "", n = "0"] = process.argv.slice(2);
if (what === "local") {
  await fan({ n: 1 });
  const started = performance.now();
  await fan({ n: Number(n) });
  console.log((performance.now() - started) / Number(n));
} else {
  await flyte.initFromConfig({ endpoint, insecure: true, project: "flytesnacks", domain: "development" });
  const started = performance.now();
  const run = await flyte.run(what === "one" ? one : fan, { n: Number(n) });
  await run.outputs();
  console.log(performance.now() - started);
}
`;

const PYTHON = `
import sys, time, flyte
env = flyte.TaskEnvironment(name="benchpy", image="unused:1")

@env.task
async def one(n: int) -> int:
    return n + 1

@env.task
async def fan(n: int) -> int:
    import asyncio
    return len(await asyncio.gather(*(one(i) for i in range(n))))

if __name__ == "__main__":
    flyte.init(endpoint=sys.argv[1], insecure=True, project="flytesnacks", domain="development")
    started = time.perf_counter()
    run = flyte.run(one if sys.argv[2] == "one" else fan, n=int(sys.argv[3]))
    run.wait(quiet=True)
    print((time.perf_counter() - started) * 1000)
`;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round((sorted[Math.floor(sorted.length / 2)] ?? Number.NaN) * 10) / 10;
}

function time(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): number {
  const started = performance.now();
  const result = spawnSync(command, [...args], { ...options, stdio: "pipe" });
  if (result.status !== 0) throw new Error(result.stderr.toString());
  return performance.now() - started;
}

const python = stockPython();
const project = createProject({ "tasks.ts": TASKS, "main.ts": MAIN, "bench.py": PYTHON });
const scratch = mkdtempSync(join(tmpdir(), "boxkite-bench-"));
const rounds = (measure: () => number): number => median(Array.from({ length: ROUNDS }, measure));
try {
  const inputs = join(scratch, "inputs.pb");
  writeFileSync(inputs, toBinary(InputsSchema, create(InputsSchema)));
  const runtimeEnv = {
    PATH: process.env["PATH"],
    _U_RUN_BASE: scratch,
    ACTION_NAME: "a0",
    RUN_NAME: "r",
    FLYTE_INTERNAL_EXECUTION_PROJECT: "p",
    FLYTE_INTERNAL_EXECUTION_DOMAIN: "d",
  };
  const a0 = (extra: NodeJS.ProcessEnv): number =>
    time(
      process.execPath,
      [
        join(project.directory, "node_modules/boxkite/bin/a0-ts.cjs"),
        ...`--inputs ${inputs} --outputs-path ${scratch}/out --version 1`.split(" "),
        ..."--resolver ts mod tasks.ts export none".split(" "),
      ],
      { cwd: project.directory, env: { ...runtimeEnv, ...extra } },
    );
  mkdirSync(join(scratch, "cache"));
  console.log(
    "node -e 0",
    rounds(() => time(process.execPath, ["-e", "0"])),
  );
  console.log(
    "import zod",
    rounds(() =>
      time(process.execPath, ["--input-type=module", "-e", "import 'zod'"], { cwd: project.directory }),
    ),
  );
  console.log(
    "import boxkite",
    rounds(() =>
      time(process.execPath, ["--input-type=module", "-e", "import 'boxkite'"], { cwd: project.directory }),
    ),
  );
  console.log(
    "a0-ts, whole task with zod",
    rounds(() => a0({ NODE_DISABLE_COMPILE_CACHE: "1" })),
  );
  console.log(
    "the same, compile cache warm",
    rounds(() => a0({ NODE_COMPILE_CACHE: join(scratch, "cache") })),
  );

  const main = (...args: string[]): number =>
    Number(
      execFileSync(process.execPath, ["main.ts", ...args], { cwd: project.directory, encoding: "utf8" })
        .trim()
        .split("\n")
        .at(-1),
    );
  console.log("local mode, per task", main("-", "local", "1000"));

  const server = spawn(
    process.execPath,
    [
      join(import.meta.dirname, "../../src/cli/main.ts"),
      "up",
      "--engine",
      "process",
      "--ephemeral",
      "--json",
      "--port",
      "0",
      "--python",
      python,
    ],
    {
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, PATH: `${project.bin}${delimiter}${process.env["PATH"] ?? ""}` },
    },
  );
  try {
    const [line] = (await once(createInterface({ input: server.stdout }), "line")) as [string];
    const endpoint = new URL((JSON.parse(line) as { url: string }).url).host;
    const py = (...args: string[]): number =>
      Number(
        execFileSync(python, ["bench.py", endpoint, ...args], {
          cwd: project.directory,
          encoding: "utf8",
          stdio: ["ignore", "pipe", "ignore"],
        })
          .trim()
          .split("\n")
          .at(-1),
      );
    main(endpoint, "one", "1");
    py("one", "1");
    console.log(
      "one action, TypeScript",
      rounds(() => main(endpoint, "one", "1")),
    );
    console.log(
      "one action, Python",
      rounds(() => py("one", "1")),
    );
    console.log(`fan-out of ${FAN}, TypeScript`, Math.round(main(endpoint, "fan", String(FAN))));
    console.log(`fan-out of ${FAN}, Python`, Math.round(py("fan", String(FAN))));
  } finally {
    server.kill();
    await once(server, "exit");
  }
} finally {
  rmSync(project.directory, { recursive: true, force: true });
  rmSync(scratch, { recursive: true, force: true });
}
