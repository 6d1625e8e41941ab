/** What starting an action costs its parent: in a container of its own, and in each kind of worker. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { missingA0, ONE_TASK, startWarmFloor } from "../helpers/bare-action.ts";
import { FLYTE_IMAGE, missingImage, taggedImage } from "../helpers/bench-images.ts";
import { BARE_COMMIT, IN_CONTAINERS, NOTHING } from "../helpers/conditions.ts";
import { openCommitLoop } from "../helpers/disk.ts";
import { summary } from "../helpers/figure.ts";
import { flyteProgram } from "../helpers/flyte-program.ts";
import { atMost, type BenchContext, type Benchmark, type Conditions, type Row } from "../helpers/measure.ts";
import { startServer, type BenchServer } from "../helpers/server.ts";
import { median, quantile, takeTurns } from "../helpers/stats.ts";
import { warmFlow, type WarmFlow } from "../helpers/warm-flow.ts";
import { nextRunIsReady, requireMode, rootMs } from "../helpers/warm-mode.ts";

const FORKED: Conditions = {
  ...IN_CONTAINERS,
  isolation: "a process for each action, forked in a container of its run, one at a time",
};
const ONE_SHOT: Conditions = {
  ...IN_CONTAINERS,
  isolation: "a container for each action, made ahead with the runtime loaded",
};
const RESIDENT: Conditions = {
  ...IN_CONTAINERS,
  isolation: "a container for each worker; its actions share one process and its modules",
};
/** Until a one-shot worker is made again: half a second of processor time, and its container. */
const GAP_MS = 3_000;

export const warm: Benchmark = {
  name: "warm",
  about:
    "one child as its parent sees it: cold, one-shot, forked, resident; the root of the next run; Podman, the stock SDK",
  conditions: IN_CONTAINERS,
  floorConditions: IN_CONTAINERS,
  missing: async () => (await missingA0()) ?? (await missingImage(FLYTE_IMAGE)),
  limitSeconds: 1_200,
  run: async (context) => {
    const image = await taggedImage(context, FLYTE_IMAGE, "warm");
    const server = await startServer(context, { engine: "podman" });
    return [
      ...(await trivial(context, server, image)),
      ...(await slowModule(context, server, image)),
      ...(await nextRuns(context, server, image)),
    ];
  },
};

interface Percentiles {
  readonly p50: number;
  readonly p95: number;
}

async function trivial(context: BenchContext, server: BenchServer, image: string): Promise<Row[]> {
  const directory = await context.directory();
  await writeFile(join(directory, "flow.py"), ONE_TASK);
  const fork = await startWarmFloor(context, "fork", directory);
  const inProcess = await startWarmFloor(context, "loop", directory);
  const commits = openCommitLoop(await context.directory());
  context.defer(() => commits.close());
  const count = context.count(10, 2);
  const repeated = async (work: () => Promise<number>) => {
    const times: number[] = [];
    for (let index = 0; index < count; index++) times.push(await work());
    return median(times);
  };
  const works = {
    cold: await children(context, server, { image, mode: "cold" }, count),
    oneShot: await children(context, server, { image, mode: "one_shot" }, count, GAP_MS),
    forked: await children(context, server, { image, mode: "fork" }, count),
    resident: await children(context, server, { image, mode: "resident" }, count),
    forkFloor: () => repeated(fork),
    residentFloor: async () => (await repeated(inProcess)) + 2 * median(commits.run(count, 1)),
  };
  await takeTurns(1, works);
  const results = await takeTurns(context.count(7, 1), works, context.signal);
  const p50 = (name: "cold" | "oneShot" | "forked" | "resident") =>
    summary(results[name].map((times) => times.p50));
  const p95 = (name: "oneShot" | "forked" | "resident" | "cold") =>
    summary(results[name].map((times) => times.p95));
  const cold = { what: "the same, cold", value: p50("cold") };
  const coldP95 = { what: "the same, cold", value: p95("cold") };
  return [
    row("one-shot, p50", p50("oneShot"), ONE_SHOT, cold, 0.25),
    row("one-shot, p95", p95("oneShot"), ONE_SHOT, coldP95),
    row("forked, p50", p50("forked"), FORKED, cold, 0.15),
    row("forked, p95", p95("forked"), FORKED, coldP95),
    row(
      "forked, p50",
      p50("forked"),
      FORKED,
      {
        what: "a bare fork that runs a0's main",
        value: summary(results.forkFloor),
        conditions: NOTHING,
      },
      1.5,
    ),
    row("resident, p50", p50("resident"), RESIDENT, cold),
    row("resident, p95", p95("resident"), RESIDENT, coldP95),
    row(
      "resident, p50",
      p50("resident"),
      RESIDENT,
      {
        what: "the action in a process that is there, plus two commits",
        value: summary(results.residentFloor),
        conditions: { ...BARE_COMMIT, isolation: "none" },
      },
      4,
    ),
  ];
}

async function slowModule(context: BenchContext, server: BenchServer, image: string): Promise<Row[]> {
  const count = context.count(5, 1);
  const works = {
    cold: await children(context, server, { image, mode: "cold", isSlow: true }, count),
    forked: await children(context, server, { image, mode: "fork", isSlow: true }, count),
  };
  await takeTurns(1, works);
  const results = await takeTurns(context.count(5, 1), works, context.signal);
  const p50 = (name: keyof typeof works) => summary(results[name].map((times) => times.p50));
  return [
    row(
      "forked, a module of 2 s to import, p50",
      p50("forked"),
      FORKED,
      { what: "the same, cold", value: p50("cold") },
      0.05,
    ),
  ];
}

async function nextRuns(context: BenchContext, server: BenchServer, image: string): Promise<Row[]> {
  const works = {
    cold: await roots(context, server, { image, mode: "cold" }),
    oneShot: await roots(context, server, { image, mode: "one_shot" }),
  };
  await takeTurns(1, works);
  const results = await takeTurns(context.count(9, 1), works, context.signal);
  const cold = { what: "the same, cold", value: summary(results.cold) };
  return [
    row("one-shot, the root of the next run, to its end", summary(results.oneShot), ONE_SHOT, cold, 0.7),
  ];
}

/** A run whose root is trivial; one that starts in a worker finds that which the run before has left. */
async function roots(
  context: BenchContext,
  server: BenchServer,
  flow: WarmFlow & { readonly mode: "cold" | "one_shot" },
): Promise<() => Promise<number>> {
  const program = await flyteProgram(context, server, warmFlow(flow));
  await program.run("one", { n: 0 });
  return async () => {
    if (flow.mode === "one_shot") await nextRunIsReady(server);
    const { run } = await program.run("one", { n: 1 });
    return await rootMs(server, run, flow.mode);
  };
}

/** Runs a parent with that many children one after the other; fails where one was started in another way. */
async function children(
  context: BenchContext,
  server: BenchServer,
  flow: WarmFlow,
  count: number,
  gapMs = 0,
): Promise<() => Promise<Percentiles>> {
  const program = await flyteProgram(context, server, warmFlow(flow));
  return async () => {
    const { run, output } = await program.run("sequential", { count, gap_ms: gapMs });
    await requireMode(server, run, flow.mode);
    const times = output as number[];
    return { p50: quantile(times, 0.5), p95: quantile(times, 0.95) };
  };
}

function row(
  what: string,
  ours: Row["ours"],
  conditions: Conditions,
  floor: NonNullable<Row["floor"]>,
  most?: number,
): Row {
  return {
    measure: `warm: ${what}`,
    unit: "ms",
    ours,
    conditions,
    floor,
    ...(most !== undefined && { goal: atMost(most) }),
  };
}
