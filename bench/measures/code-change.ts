/** One line of a task changes: until it runs, as a code bundle and as a rebuilt image. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../../src/domain/errors.ts";
import { clientConfig } from "../../test/helpers/server.ts";
import { IN_CONTAINERS } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atMost, type Benchmark } from "../helpers/measure.ts";
import { PYTHON, startServer } from "../helpers/server.ts";
import { takeTurns } from "../helpers/stats.ts";

const run = promisify(execFile);
/** It has flyte, so that a rebuild adds the code and nothing else. */
const BASE = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1";
const NAME = "localhost/boxkite-bench/code";

/** The task's first line reads the clock, which is the machine's own in a container too. */
const flow = (edit: number) => `
import time
STARTED = time.time()
import os, flyte
env = flyte.TaskEnvironment(name="bench", image=os.environ.get("BENCH_IMAGE", "unused"))

@env.task
async def started() -> str:
    return f"${edit} {STARTED}"
`;
const MAIN = `
import sys, flyte, flow
flyte.init_from_config("config.yaml")
how = dict(copy_style="none", version=sys.argv[1]) if len(sys.argv) > 1 else {}
run = flyte.with_runcontext(**how).run(flow.started)
run.wait(quiet=True)
run.raise_for_status()
print(run.outputs()[0])
`;

export const codeChange: Benchmark = {
  name: "code-change",
  about: "a changed line of a task until it runs: as a code bundle, and as a rebuilt image",
  conditions: IN_CONTAINERS,
  floorConditions: IN_CONTAINERS,
  missing: async () => {
    if (!existsSync(PYTHON)) return `there is no ${PYTHON}`;
    try {
      await run("podman", ["image", "inspect", BASE]);
      return undefined;
    } catch (error) {
      return messageOf(error).split("\n")[0] ?? "no podman";
    }
  },
  limitSeconds: 120,
  run: async (context) => {
    const directory = await context.directory();
    const server = await startServer(context, { engine: "podman" });
    await writeFile(join(directory, "config.yaml"), clientConfig(server.port));
    await writeFile(join(directory, "main.py"), MAIN);
    await writeFile(join(directory, "Containerfile"), `FROM ${BASE}\nCOPY flow.py .\n`);
    context.defer(async () => {
      const { stdout } = await run("podman", [
        "images",
        "--format",
        "{{.Repository}}:{{.Tag}}",
        "--filter",
        `reference=${NAME}`,
      ]);
      for (const name of stdout.split("\n").filter(Boolean)) await run("podman", ["rmi", name]);
    });
    let edits = 0;
    /** From the change to the task's first line, in milliseconds. */
    const changed = async (image: string, args: readonly string[], prepare: () => Promise<unknown>) => {
      const edit = ++edits;
      await writeFile(join(directory, "flow.py"), flow(edit));
      const from = Date.now();
      await prepare();
      const env = { ...process.env, HOME: directory, BENCH_IMAGE: image };
      const { stdout } = await run(PYTHON, ["main.py", ...args], { cwd: directory, env });
      const [seen, started] = (stdout.trim().split("\n").at(-1) ?? "").split(" ").map(Number);
      if (seen !== edit) throw new Error(`the task that ran was not the changed one: ${stdout}`);
      return (started ?? Number.NaN) * 1_000 - from;
    };
    // A name that no registry has to be asked about, as the rebuilt images have.
    await run("podman", ["tag", BASE, `${NAME}:base`]);
    const bundle = () => changed(`${NAME}:base`, [], async () => {});
    const rebuild = () => {
      const image = `${NAME}:${edits + 1}`;
      const args = [
        "build",
        "--pull=never",
        "--tag",
        image,
        "--file",
        join(directory, "Containerfile"),
        directory,
      ];
      return changed(image, [String(edits + 1)], () => run("podman", args));
    };
    await takeTurns(1, { bundle, rebuild });
    const times = await takeTurns(context.count(5, 1), { bundle, rebuild }, context.signal);
    return [
      {
        measure: "code-change: saved → its first line runs",
        unit: "ms",
        ours: summary(times.bundle),
        floor: { what: "podman build, then the same run without a bundle", value: summary(times.rebuild) },
        goal: atMost(1),
      },
    ];
  },
};
