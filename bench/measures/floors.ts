/** What the machine, the engine and the SDK need at least, each by itself: the denominators of all that runs an action. */
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findEngine } from "../../src/containers/find.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { bareA0, missingA0, ONE_TASK, startWarmFloor } from "../helpers/bare-action.ts";
import { missingImage } from "../helpers/bench-images.ts";
import { BARE_COMMIT, BARE_CONTAINER, BARE_PROGRAM, BARE_SERVER, NOTHING } from "../helpers/conditions.ts";
import { openCommitLoop } from "../helpers/disk.ts";
import { summary } from "../helpers/figure.ts";
import type { BenchContext, Benchmark, Conditions, Row } from "../helpers/measure.ts";
import { messageOf } from "../../src/domain/errors.ts";
import { outputOf, programMs, startPeer } from "../helpers/process.ts";
import { enqueueRequest, taskSpec } from "../helpers/requests.ts";
import { clientsAt } from "../helpers/server.ts";
import { callMany, median, takeTurns, timed } from "../helpers/stats.ts";

/** Small; it must be there already. */
const IMAGE = process.env["BOXKITE_BENCH_IMAGE"] ?? "docker.io/library/debian:12-slim";
const TASK = taskSpec({ command: ["true"] });

interface Floor {
  readonly what: string;
  readonly conditions: Conditions;
  readonly ms: () => Promise<number>;
}

export const floors: Benchmark = {
  name: "floors",
  about: "bare a0, forks, container runtimes and engines, one commit, one echo: in turns",
  conditions: NOTHING,
  floorConditions: NOTHING,
  missing: async () => (await missingA0()) ?? (await missingImage(IMAGE)),
  limitSeconds: 180,
  run: async (context) => {
    const found = [
      await pythonFloors(context),
      await serverFloors(context),
      await containerFloors(context),
    ].flat();
    const works = Object.fromEntries(found.map(({ what, ms }) => [what, ms]));
    await takeTurns(1, works);
    const times = await takeTurns(context.count(11, 1), works, context.signal);
    return found.map(({ what, conditions }): Row => ({
      measure: `floors: ${what}`,
      unit: "ms",
      ours: summary(times[what] ?? []),
      conditions,
    }));
  },
};

async function pythonFloors(context: BenchContext): Promise<Floor[]> {
  const directory = await context.directory();
  await writeFile(join(directory, "flow.py"), ONE_TASK);
  const fork = await startWarmFloor(context, "fork", directory);
  const loop = await startWarmFloor(context, "loop", directory);
  return [
    { what: "bare a0, cold", conditions: BARE_PROGRAM, ms: () => bareA0(directory) },
    { what: "a fork that runs a0's main", conditions: BARE_PROGRAM, ms: fork },
    { what: "an action in a process that is there", conditions: NOTHING, ms: loop },
  ];
}

async function serverFloors(context: BenchContext): Promise<Floor[]> {
  const echo = clientsAt((await startPeer(context, "echo-server.ts")).first.port);
  const commits = openCommitLoop(await context.directory());
  context.defer(() => commits.close());
  const calls = context.count(50, 5);
  let sent = 0;
  return [
    {
      what: "an Enqueue to a bare connect-es echo",
      conditions: BARE_SERVER,
      ms: async () => {
        const call = () => echo.actions.enqueue(enqueueRequest("floors", `c${sent++}`, TASK));
        return median((await callMany(calls, 1, call)).latencies);
      },
    },
    { what: "a commit of SQLite", conditions: BARE_COMMIT, ms: async () => median(commits.run(calls, 1)) },
  ];
}

async function containerFloors(context: BenchContext): Promise<Floor[]> {
  const { api, close } = await findEngine({ preference: "podman", log: silentLogger });
  context.defer(close);
  const rest = () =>
    timed(async () => {
      const name = `boxkite-bench-${randomBytes(6).toString("hex")}`;
      const created = await api.createContainer(name, {
        Image: IMAGE,
        Entrypoint: ["true"],
        HostConfig: { NetworkMode: "none", LogConfig: { Type: "k8s-file", Config: {} } },
      });
      if (created.kind !== "created") throw new Error(`podman would not create a container: ${created.kind}`);
      try {
        await api.startContainer(created.id);
        await api.waitContainer(created.id);
      } finally {
        await api.removeContainer(created.id);
      }
    });
  const runtimes: Floor[] = [];
  for (const runtime of ["crun", "runc"]) {
    const ms = await ociRuntime(context, runtime);
    if (ms !== undefined)
      runtimes.push({ what: `${runtime} run true, without a network`, conditions: BARE_CONTAINER, ms });
  }
  return [
    ...runtimes,
    {
      what: "podman run --rm --network=none true",
      conditions: BARE_CONTAINER,
      ms: () => programMs("podman", ["run", "--rm", "--network=none", IMAGE, "true"]),
    },
    { what: "podman by REST: create, start, wait, remove", conditions: BARE_CONTAINER, ms: rest },
  ];
}

/** Undefined where it is not there, or cannot start containers on this machine. */
async function ociRuntime(
  context: BenchContext,
  runtime: string,
): Promise<(() => Promise<number>) | undefined> {
  const bundle = await context.directory();
  const root = await context.directory();
  try {
    await mkdir(join(bundle, "rootfs"));
    const container = (await outputOf("podman", ["create", "--network=none", IMAGE])).trim();
    context.defer(() => outputOf("podman", ["rm", "--force", container]));
    await outputOf("sh", ["-c", `podman export ${container} | tar -x -C ${join(bundle, "rootfs")}`]);
    await outputOf(runtime, ["spec"], { cwd: bundle });
    const spec = join(bundle, "config.json");
    await outputOf("sed", ["-i", 's/"terminal": true/"terminal": false/; s/"sh"/"true"/', spec]);
    const run = () => {
      const name = `boxkite-bench-${randomBytes(6).toString("hex")}`;
      return programMs(runtime, ["--root", root, "run", name], { cwd: bundle });
    };
    await run();
    return run;
  } catch (error) {
    context.say(`${runtime} is left out: ${messageOf(error).split("\n").slice(0, 3).join(" ")}`);
    return undefined;
  }
}
