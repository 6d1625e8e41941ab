/** A server (with the process executor unless another is named), a program for it, and the stock SDK to run it. */
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Phase } from "../../src/domain/phase.ts";
import { startServer, temporaryDirectory, type TestServer } from "./server.ts";
import { runProgram, succeeded, writeProgram, type ProgramResult } from "./stock-sdk.ts";
import { until } from "./until.ts";

/** Runs the task named on the command line and prints its outcome as JSON. */
export const MAIN = `
import json, sys
import flyte
from flyte.remote import Action
import flow

context = json.loads(sys.argv[4] if len(sys.argv) > 4 else "{}")
flyte.init_from_config(sys.argv[1], project=context.pop("project", None))
run = flyte.with_runcontext(**context).run(getattr(flow, sys.argv[2]), **json.loads(sys.argv[3]))
print(run.url)
run.wait()
details = run.details().action_details
error = details.error_info
print(json.dumps({
    "name": run.name,
    "phase": str(run.phase),
    "outputs": [value if isinstance(value, (str, int, float, list)) else str(value) for value in run.outputs()] if "SUCCEEDED" in str(run.phase).upper() else None,
    "error": error.message if error else None,
    "code": error.code if error else None,
    "kind": error.kind if error else None,
    "actions": sorted(action.task_name or "" for action in Action.listall(for_run_name=run.name)),
}))
`;

export interface Outcome {
  readonly name: string;
  readonly phase: string;
  readonly outputs: unknown[] | null;
  readonly error: string | null;
  readonly code: string | null;
  readonly kind: number | null;
  readonly actions: string[];
  readonly url: string;
}

export interface Subject {
  readonly server: TestServer;
  readonly directory: string;
  /** Runs a task of flow.py. */
  run(task: string, inputs: object, context?: object): Promise<Outcome>;
  /** Waits until the run's page shows this phase. */
  shows(run: string, phase: Phase): Promise<void>;
  /** The stock CLI. */
  flyte(...args: string[]): Promise<ProgramResult>;
  /** Another program beside flow.py; its first argument is the configuration. Throws unless it succeeds. */
  python(file: string, text: string): Promise<ProgramResult>;
}

let interpreter = "";

export function usePython(path: string): void {
  interpreter = path;
}

export async function processSubject(
  t: TestContext,
  flow: string,
  args: readonly string[] = [],
): Promise<Subject> {
  const base = args.includes("--engine") ? [] : ["--engine", "process", "--python", interpreter];
  const data = args.includes("--data") ? [] : ["--ephemeral"];
  const [server, directory] = await Promise.all([
    startServer(t, { args: [...base, ...data, ...args] }),
    temporaryDirectory(t),
  ]);
  await writeProgram(directory, { "flow.py": flow, "main.py": MAIN });
  return {
    server,
    directory,
    run: async (task, inputs, context = {}) => {
      const command = ["main.py", server.config, task, JSON.stringify(inputs), JSON.stringify(context)];
      const result = succeeded(await runProgram(interpreter, command, { cwd: directory }));
      return outcomeOf(result);
    },
    shows: (run, phase) =>
      until(async () => {
        const page = await fetch(`${server.ready.url}/v2/domain/development/project/flytesnacks/runs/${run}`);
        return (await page.text()).includes(`data-phase="${phase}"`);
      }),
    flyte: (...commands) =>
      runProgram(join(interpreter, "../flyte"), ["-c", server.config, ...commands], { cwd: directory }),
    python: async (file, text) => {
      await writeProgram(directory, { [file]: text });
      return succeeded(await runProgram(interpreter, [file, server.config], { cwd: directory }));
    },
  };
}

export function outcomeOf(result: ProgramResult): Outcome {
  const lines = result.stdout.trim().split("\n");
  const url = lines.find((line) => line.startsWith("http")) ?? "";
  return { ...(JSON.parse(lines.at(-1) ?? "") as Outcome), url };
}
