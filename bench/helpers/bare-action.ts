/** One action by the SDK's own runtime, with its files on the disk and nobody to report to. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { create, toBinary } from "@bufbuild/protobuf";
import { InputsSchema } from "../../src/wire/gen/flyteidl2/task/common_pb.js";
import type { BenchContext } from "./measure.ts";
import { programMs } from "./process.ts";
import { PYTHON } from "./server.ts";
import { timed } from "./stats.ts";

/** The task `one` of the module `flow`, with the input `i`; without a server. */
export const ONE_TASK = `
import flyte
env = flyte.TaskEnvironment(name="bench")

@env.task
async def one(i: int) -> int:
    return i + 1
`;

export async function missingA0(): Promise<string | undefined> {
  return existsSync(join(PYTHON, "../a0")) ? undefined : `there is no a0 beside ${PYTHON}`;
}

/** Milliseconds of a whole `a0` with the task `one` of `flow.py` in the directory. */
export async function bareA0(directory: string, index = 0): Promise<number> {
  const { args, env } = await bareAction(directory, index);
  return programMs(join(PYTHON, "../a0"), args, { cwd: directory, env });
}

/** Processor time of it and of what it starts, user and system, in milliseconds. */
export async function bareA0Cpu(directory: string): Promise<number> {
  const { args, env } = await bareAction(directory, 0);
  const program = `
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print((used.ru_utime + used.ru_stime) * 1000)
`;
  const words = ["-c", program, join(PYTHON, "../a0"), ...args];
  const child = spawn(PYTHON, words, { cwd: directory, env, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) output += String(chunk);
  const ms = Number.parseFloat(output);
  if (Number.isNaN(ms)) throw new Error("the bare a0 failed");
  return ms;
}

export type WarmFloor = () => Promise<number>;

/** Milliseconds from an order to a warm process until its outputs are written: see warm_floor.py. */
export async function startWarmFloor(
  context: BenchContext,
  mode: "fork" | "loop",
  directory: string,
): Promise<WarmFloor> {
  const child = spawn(PYTHON, [join(import.meta.dirname, "warm_floor.py"), mode], {
    cwd: directory,
    env: { ...process.env, HOME: directory, FSSPEC_FILE_AUTO_MKDIR: "1", LOG_LEVEL: "40" },
    stdio: ["pipe", "pipe", "ignore"],
  });
  context.defer(() => child.kill("SIGKILL"));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const line = await lines.next();
    if (line.done === true) throw new Error(`the ${mode} floor has ended`);
    return JSON.parse(line.value);
  };
  await next();
  let index = 0;
  return async () => {
    const order = await bareAction(directory, index++);
    return timed(async () => {
      child.stdin.write(`${JSON.stringify(order)}\n`);
      const { code } = (await next()) as { code: number };
      if (code !== 0) throw new Error(`an action of the ${mode} floor ended with ${code}`);
    });
  };
}

interface BareAction {
  readonly directory: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function bareAction(cwd: string, index: number): Promise<BareAction> {
  const directory = join(cwd, `bare-${index}`);
  await mkdir(directory, { recursive: true });
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
  await writeFile(join(directory, "inputs.pb"), toBinary(InputsSchema, inputs));
  const args = [
    ["--inputs", join(directory, "inputs.pb")],
    ["--outputs-path", directory],
    ["--version", "1"],
    ["--raw-data-path", join(directory, "raw")],
    ["--checkpoint-path", join(directory, "checkpoints")],
    ["--prev-checkpoint", ""],
    ["--run-name", "bare"],
    ["--name", `a${index}`],
    ["--resolver", "flyte._internal.resolvers.default.DefaultTaskResolver"],
    ["mod", "flow", "instance", "one"],
  ].flat();
  // Port 9 is nobody's: the runtime makes its connection only when a task has children.
  const env = {
    PATH: `${join(PYTHON, "..")}:${process.env["PATH"]}`,
    HOME: cwd,
    _U_EP_OVERRIDE: "127.0.0.1:9",
    _U_INSECURE: "true",
    _U_USE_ACTIONS: "1",
    _U_RUN_BASE: directory,
    _U_ORG_NAME: "local",
    RUN_NAME: "bare",
    ACTION_NAME: `a${index}`,
    FLYTE_INTERNAL_EXECUTION_PROJECT: "flytesnacks",
    FLYTE_INTERNAL_EXECUTION_DOMAIN: "development",
  };
  return { directory, args, env };
}
