/** What a mounted `flyte` adds to the start of an action, and runs whose children's images are pulled beforehand. */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../../src/domain/errors.ts";
import { insecureRegistryEnv } from "../../test/helpers/engine.ts";
import { missingRegistry, startRegistry } from "../../test/helpers/registry.ts";
import { clientConfig } from "../../test/helpers/server.ts";
import { IN_CONTAINERS } from "../helpers/conditions.ts";
import { summary } from "../helpers/figure.ts";
import { atMost, type BenchContext, type Benchmark, type Row } from "../helpers/measure.ts";
import { PYTHON, startServer } from "../helpers/server.ts";
import { takeTurns } from "../helpers/stats.ts";

const run = promisify(execFile);
const WITHOUT = "docker.io/library/python:3.11-slim";
const WITH = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1";
const NAME = "localhost/boxkite-bench/zero-build";

const FLOW = `
import os, time, flyte
env = flyte.TaskEnvironment(name="bench", image=os.environ.get("BENCH_IMAGE", "unused"))

@env.task
async def started() -> float:
    return time.time()
`;
/** From the run's creation to its end, as the server has them. */
const MAIN = `
import sys, flyte, flow
flyte.init_from_config("config.yaml")
run = flyte.run(flow.started)
run.wait(quiet=True)
run.raise_for_status()
status = run.action.pb2.status
print((status.end_time.ToMicroseconds() - status.start_time.ToMicroseconds()) / 1000)
`;

export const zeroBuild: Benchmark = {
  name: "zero-build",
  about:
    "an action with a mounted flyte against an installed one; a run whose children's images are pulled beforehand",
  conditions: IN_CONTAINERS,
  floorConditions: IN_CONTAINERS,
  missing: async () => {
    if (!existsSync(PYTHON)) return `there is no ${PYTHON}`;
    try {
      await run("podman", ["image", "inspect", WITH, WITHOUT]);
      return missingRegistry();
    } catch (error) {
      return messageOf(error).split("\n")[0] ?? "no podman";
    }
  },
  limitSeconds: 360,
  run: async (context) => [await mounted(context), await prefetched(context)],
};

async function mounted(context: BenchContext): Promise<Row> {
  const directory = await context.directory();
  const server = await startServer(context, { engine: "podman" });
  await writeFile(join(directory, "config.yaml"), clientConfig(server.port));
  await writeFile(join(directory, "main.py"), MAIN);
  await writeFile(join(directory, "flow.py"), FLOW);
  // Names that no registry has to be asked about.
  const images = { installed: `${NAME}:installed`, mounted: `${NAME}:mounted` };
  await run("podman", ["tag", WITH, images.installed]);
  await run("podman", ["tag", WITHOUT, images.mounted]);
  context.defer(() => run("podman", ["untag", WITH, images.installed]));
  context.defer(() => run("podman", ["untag", WITHOUT, images.mounted]));
  const action = async (image: string) => {
    const env = { ...process.env, HOME: directory, BENCH_IMAGE: image };
    const { stdout } = await run(PYTHON, ["main.py"], { cwd: directory, env });
    return Number(stdout.trim().split("\n").at(-1));
  };
  const turns = { installed: () => action(images.installed), mounted: () => action(images.mounted) };
  // The images are read, and the runtime fetched and tried.
  await takeTurns(1, turns);
  const times = await takeTurns(context.count(9, 1), turns, context.signal);
  return {
    measure: "zero-build: an action in an image without flyte",
    unit: "ms",
    ours: summary(times.mounted),
    floor: { what: "the same with flyte installed in the image", value: summary(times.installed) },
    goal: atMost(1.05),
  };
}

const CHILDREN = 4;
/** Of each child: what is pulled meanwhile need not be waited for. */
const LEAF_SECONDS = 1;
const LEAVES = Array.from({ length: CHILDREN }, (_, index) => `leaf${index}`);
const LAYER_BYTES = 48 * 1024 * 1024;

/** Its children run one after the other, each in its own image. Only those that it depends on are named when it starts. */
const childrenFlow = (host: string, isAhead: boolean) => `
import asyncio, flyte
leaves = [flyte.TaskEnvironment(name=f"leaf{i}", image=f"${host}/leaf{i}:1") for i in range(${CHILDREN})]
env = flyte.TaskEnvironment(name="parent", image="${NAME}:parent", depends_on=${isAhead ? "leaves" : "[]"})

${LEAVES.map((name, index) => `@leaves[${index}].task\nasync def ${name}(x: int) -> int:\n    await asyncio.sleep(${LEAF_SECONDS})\n    return x + 1\n`).join("\n")}
@env.task
async def parent() -> int:
    x = 0
    for task in (${LEAVES.join(", ")}):
        x = await task(x)
    return x
`;

async function prefetched(context: BenchContext): Promise<Row> {
  const directory = await context.directory();
  const registry = await startRegistry(join(directory, "registry"));
  context.defer(() => registry.stop());
  const env = await insecureRegistryEnv(directory, registry.host);
  const server = await startServer(context, { engine: "podman", env });
  await run("podman", ["tag", WITH, `${NAME}:parent`]);
  context.defer(() => run("podman", ["untag", WITH, `${NAME}:parent`]));
  await writeFile(join(directory, "config.yaml"), clientConfig(server.port));
  await writeFile(join(directory, "main.py"), MAIN.replace("flow.started", "flow.parent"));
  const names = await buildLeaves(context, directory, registry.host, env);
  const again = async (isAhead: boolean) => {
    for (const name of names) await run("podman", ["rmi", "--force", name], { env }).catch(() => {});
    await writeFile(join(directory, "flow.py"), childrenFlow(registry.host, isAhead));
    const { stdout } = await run(PYTHON, ["main.py"], {
      cwd: directory,
      env: { ...process.env, HOME: directory },
    });
    return Number(stdout.trim().split("\n").at(-1));
  };
  const turns = { ahead: () => again(true), when: () => again(false) };
  const times = await takeTurns(context.count(5, 1), turns, context.signal);
  return {
    measure: `zero-build: a run of ${CHILDREN} children of ${LEAF_SECONDS} s with images to pull, pulled from its start on`,
    unit: "ms",
    ours: summary(times.ahead),
    floor: { what: "each pulled when its child starts", value: summary(times.when) },
    goal: atMost(1),
  };
}

/** Each with a layer of its own that does not compress. */
async function buildLeaves(
  context: BenchContext,
  directory: string,
  host: string,
  env: NodeJS.ProcessEnv,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (let index = 0; index < CHILDREN; index++) {
    const folder = join(directory, `leaf${index}`);
    await mkdir(folder);
    await writeFile(join(folder, "random"), randomBytes(LAYER_BYTES));
    await writeFile(join(folder, "Containerfile"), `FROM ${WITH}\nCOPY random /random\n`);
    const name = `${host}/leaf${index}:1`;
    await run("podman", ["build", "--pull=never", "--tag", name, folder], { env });
    await run("podman", ["push", name], { env });
    names.push(name);
    context.defer(() => run("podman", ["rmi", "--force", name]).catch(() => undefined));
  }
  return names;
}
