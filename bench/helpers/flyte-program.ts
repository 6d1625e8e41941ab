/** Programs of the stock SDK that are run on a server: what a task returns is the measured figure. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { clientConfig } from "../../test/helpers/server.ts";
import type { BenchContext } from "./measure.ts";
import { outputOf } from "./process.ts";
import { PYTHON, type BenchServer } from "./server.ts";

export interface Finished {
  /** The name of the run. */
  readonly run: string;
  /** What its root returned. */
  readonly output: unknown;
}

export interface FlyteProgram {
  /** Runs a task of `flow` to its end; the container of the task is the one who measures. */
  run(task: string, inputs: Readonly<Record<string, number>>): Promise<Finished>;
}

const MAIN = `
import json, sys, flyte, flow
flyte.init_from_config("config.yaml")
task, inputs = sys.argv[1], json.loads(sys.argv[2])
run = flyte.run(getattr(flow, task), **inputs)
run.wait(quiet=True)
run.raise_for_status()
print(json.dumps({"run": run.name, "output": run.outputs()[0]}))
`;

/** `files`: by their name, one of them `flow.py`. */
export async function flyteProgram(
  context: BenchContext,
  server: BenchServer,
  files: Readonly<Record<string, string>>,
): Promise<FlyteProgram> {
  const home = await context.directory();
  const directory = join(home, "program");
  await mkdir(directory);
  const all = { "main.py": MAIN, "config.yaml": clientConfig(server.port), ...files };
  for (const [name, text] of Object.entries(all)) await writeFile(join(directory, name), text);
  // Away from the configuration of whoever runs this.
  const env = { ...process.env, HOME: home };
  return {
    run: async (task, inputs) => {
      const output = await outputOf(PYTHON, ["main.py", task, JSON.stringify(inputs)], {
        cwd: directory,
        env,
      });
      return JSON.parse(output.trim().split("\n").at(-1) ?? "") as Finished;
    },
  };
}
