/** A cold Python action from end to end, against what its container and its runtime need by themselves. */
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { findEngine } from "../../src/containers/find.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { bareA0, missingA0, ONE_TASK } from "../helpers/bare-action.ts";
import { FLYTE_IMAGE, missingImage, taggedImage } from "../helpers/bench-images.ts";
import { BARE_CONTAINER, BARE_PROGRAM, IN_CONTAINERS, IN_PROCESSES } from "../helpers/conditions.ts";
import { sumOf, summary } from "../helpers/figure.ts";
import { flyteProgram } from "../helpers/flyte-program.ts";
import { atMost, type BenchContext, type Benchmark, type Row } from "../helpers/measure.ts";
import { startServer } from "../helpers/server.ts";
import { median, takeTurns, timed } from "../helpers/stats.ts";
import { warmFlow } from "../helpers/warm-flow.ts";
import { requireMode } from "../helpers/warm-mode.ts";

const MOST = 1.15;

export const cold: Benchmark = {
  name: "cold",
  about: "a cold Python child, called → result known to its parent, on Podman and process",
  conditions: IN_CONTAINERS,
  floorConditions: BARE_CONTAINER,
  missing: missingA0,
  limitSeconds: 300,
  run: async (context) => {
    const directory = await context.directory();
    await writeFile(join(directory, "flow.py"), ONE_TASK);
    const a0 = () => bareA0(directory);
    const missing = await missingImage(FLYTE_IMAGE);
    const onProcess = await children(context, "process", "unused:1");
    const onPodman = missing === undefined ? await onPodmanWorks(context) : undefined;
    if (missing !== undefined) context.say(`Podman is left out: ${missing}`);
    const works = { a0, process: onProcess, ...onPodman };
    await takeTurns(1, works);
    const times = await takeTurns(context.count(7, 1), works, context.signal);
    const bare = summary(times.a0);
    const rows: Row[] = [
      {
        measure: "cold: a child on process",
        unit: "ms",
        ours: summary(times.process),
        floor: { what: "bare a0", value: bare, conditions: BARE_PROGRAM },
        goal: atMost(MOST),
        conditions: IN_PROCESSES,
      },
    ];
    if (times.podman !== undefined && times.container !== undefined)
      rows.unshift({
        measure: "cold: a child on Podman",
        unit: "ms",
        ours: summary(times.podman),
        floor: {
          what: "create + start + wait of `true`, and bare a0",
          value: sumOf(summary(times.container), bare),
        },
        goal: atMost(MOST),
      });
    return rows;
  },
};

async function onPodmanWorks(context: BenchContext): Promise<{
  readonly podman?: () => Promise<number>;
  readonly container?: () => Promise<number>;
}> {
  const image = await taggedImage(context, FLYTE_IMAGE, "cold");
  const { api, close } = await findEngine({ preference: "podman", log: silentLogger });
  context.defer(close);
  const container = () =>
    timed(async () => {
      const created = await api.createContainer(`boxkite-bench-${randomBytes(6).toString("hex")}`, {
        Image: image,
        Entrypoint: ["true"],
        HostConfig: { NetworkMode: "default", LogConfig: { Type: "k8s-file", Config: {} } },
      });
      if (created.kind !== "created") throw new Error(`podman would not create a container: ${created.kind}`);
      await api.startContainer(created.id);
      await api.waitContainer(created.id);
      context.defer(() => api.removeContainer(created.id));
    });
  return { podman: await children(context, "podman", image), container };
}

/** The median of a few children, one after the other, as their parent sees them. */
async function children(
  context: BenchContext,
  engine: "process" | "podman",
  image: string,
): Promise<() => Promise<number>> {
  const server = await startServer(context, { engine });
  const program = await flyteProgram(context, server, warmFlow({ image, mode: "cold" }));
  const count = context.count(5, 1);
  return async () => {
    const { run, output } = await program.run("sequential", { count });
    await requireMode(server, run, "cold");
    return median(output as number[]);
  };
}
