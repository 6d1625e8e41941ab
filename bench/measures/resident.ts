/** Trivial durable steps on resident workers, one, in a chain and at once, beside engines whose steps are durable. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../src/domain/errors.ts";
import { missingA0, ONE_TASK, startWarmFloor } from "../helpers/bare-action.ts";
import { FLYTE_IMAGE, missingImage, NODE_IMAGE, taggedImage } from "../helpers/bench-images.ts";
import { BARE_COMMIT, ON_DISK } from "../helpers/conditions.ts";
import { openCommitLoop } from "../helpers/disk.ts";
import { mapSummary, summary, type Summary } from "../helpers/figure.ts";
import { flyteProgram, type FlyteProgram } from "../helpers/flyte-program.ts";
import {
  atLeast,
  atMost,
  type BenchContext,
  type Benchmark,
  type Conditions,
  type Row,
} from "../helpers/measure.ts";
import { residentTypescript } from "../helpers/resident-typescript.ts";
import { startServer, type BenchServer } from "../helpers/server.ts";
import { median, takeTurns } from "../helpers/stats.ts";
import { warmFlow } from "../helpers/warm-flow.ts";
import { requireMode } from "../helpers/warm-mode.ts";
import type { Shape } from "../peers/peer.ts";
import { startPeers, type StartedPeer } from "../peers/start-peers.ts";

/** On two processors: one worker for each, with many actions at once in it. */
const WORKERS = { replicas: 2, concurrency: 50 } as const;
const SHAPES: Readonly<
  Record<"one" | "chain" | "fan" | "wide", { shape: Shape; count: number; quick: number }>
> = {
  one: { shape: "one", count: 1, quick: 1 },
  chain: { shape: "chain", count: 100, quick: 3 },
  fan: { shape: "fan", count: 1_000, quick: 10 },
  wide: { shape: "fan", count: 10_000, quick: 20 },
};
type Size = keyof typeof SHAPES;

/** Ours, at least, in steps a second of 1,000 at once. */
const GOALS: ReadonlyMap<string, number> = new Map([
  ["Restate, durable calls", 0.9],
  ["Temporal, tuned", 4],
  ["DBOS", 6],
  ["Prefect", 9],
]);
const OURS: Conditions = {
  durability: ON_DISK,
  isolation: "containers that are kept, each with one process whose actions share its modules (Podman)",
};

const LANGUAGES = ["Python", "TypeScript"] as const;
/** Between the call and the first step a peer starts a workflow; ours has begun. */
const TIMED = "ours from the first call of its parent on; the peer from the call of its workflow on";
const FLOOR = "the action in a process that is there, plus two commits";

type Work = () => Promise<number>;
type Works = Readonly<Record<string, Work>>;

export const resident: Benchmark = {
  name: "resident",
  about:
    "1, 100 and 1,000 to 10,000 trivial steps on resident workers, Python and TypeScript; peers with --peers",
  conditions: OURS,
  floorConditions: OURS,
  missing: async () => (await missingA0()) ?? (await missingImage(FLYTE_IMAGE, NODE_IMAGE)),
  limitSeconds: 1_800,
  run: async (context) => {
    const server = await startServer(context, { engine: "podman" });
    const image = await taggedImage(context, FLYTE_IMAGE, "resident");
    const python = await flyteProgram(context, server, warmFlow({ image, mode: "resident", ...WORKERS }));
    const typescript = await residentTypescript(context, server, WORKERS);
    const peers = await startPeers(context);
    const rates = new Map<Size, ReadonlyMap<string, Summary>>();
    for (const size of ["one", "chain", "fan", "wide"] as const) {
      const { shape, count, quick } = SHAPES[size];
      const steps = context.count(count, quick);
      const own: Works = {
        Python: ours(server, python, shape, steps),
        TypeScript: ours(server, typescript, shape, steps),
        ...(size === "one" && (await floorOf(context))),
      };
      await takeTurns(1, own);
      const works = { ...own, ...(await worksOfPeers(context, peers, shape, steps)) };
      const times = await takeTurns(context.count(5, 1), works, context.signal);
      const summaries = new Map(Object.entries(times).map(([name, values]) => [name, summary(values)]));
      for (const row of rowsOf(size, steps, summaries, peers)) context.row(row);
      const inSeconds = (ms: number) => (steps * 1_000) / ms;
      rates.set(
        size,
        new Map(LANGUAGES.map((name) => [name, mapSummary(summaries.get(name) ?? summary([]), inSeconds)])),
      );
    }
    return LANGUAGES.map((language) => linearRow(language, rates));
  },
};

function ours(server: BenchServer, program: FlyteProgram, shape: Shape, count: number): Work {
  return async () => {
    const { run, output } = await program.run(shape === "fan" ? "parallel" : "sequential", { count });
    await requireMode(server, run, "resident");
    return (output as number[]).reduce((sum, ms) => sum + ms, 0);
  };
}

/** Those that do the work; one that fails is left out of what follows, so that the others have their rows. */
async function worksOfPeers(
  context: BenchContext,
  peers: readonly StartedPeer[],
  shape: Shape,
  steps: number,
): Promise<Works> {
  const works: Record<string, Work> = {};
  for (const { peer, program } of peers) {
    if (shape === "fan" && steps > peer.mostAtOnce) continue;
    const work = () => program.ms(shape, steps);
    try {
      // Not counted: it warms the peer.
      await work();
      works[peer.name] = work;
    } catch (error) {
      context.say(`${peer.name} is left out of ${steps} steps: ${messageOf(error)}`);
    }
  }
  return works;
}

async function floorOf(context: BenchContext): Promise<Works> {
  const directory = await context.directory();
  await writeFile(join(directory, "flow.py"), ONE_TASK);
  const inProcess = await startWarmFloor(context, "loop", directory);
  const commits = openCommitLoop(await context.directory());
  context.defer(() => commits.close());
  return {
    [FLOOR]: async () => (await inProcess()) + 2 * median(commits.run(5, 1)),
  };
}

/** Milliseconds of a step one after the other; steps a second where they are at once. */
function rowsOf(
  size: Size,
  steps: number,
  times: ReadonlyMap<string, Summary>,
  peers: readonly StartedPeer[],
): Row[] {
  const isAtOnce = SHAPES[size].shape === "fan";
  const figureOf = (name: string): Summary =>
    summary((times.get(name)?.rounds ?? []).map((ms) => (isAtOnce ? (steps * 1_000) / ms : ms / steps)));
  const others = peers.filter(({ peer }) => times.has(peer.name));
  const what = isAtOnce
    ? `${steps.toLocaleString("en")} at once`
    : steps === 1
      ? "one"
      : `a chain of ${steps}`;
  return LANGUAGES.flatMap((language) => {
    const row = {
      measure: `resident: ${what}, ${language}`,
      unit: isAtOnce ? "steps/s" : "ms a step",
      ours: figureOf(language),
      ...(isAtOnce && {
        point: {
          chart: "Steps a second on resident workers",
          series: `Boxkite, ${language}`,
          x: steps,
          xUnit: "steps at once",
        },
      }),
    };
    const rows: Row[] = others.map(({ peer: { name, conditions } }) => {
      const least = size === "fan" ? GOALS.get(name) : undefined;
      return {
        ...row,
        floor: { what: name, value: figureOf(name), conditions, isPeer: true },
        note: TIMED,
        ...(least !== undefined && { goal: atLeast(least) }),
      };
    });
    if (times.has(FLOOR))
      rows.unshift({
        ...row,
        floor: { what: FLOOR, value: figureOf(FLOOR), conditions: { ...BARE_COMMIT, isolation: "none" } },
        goal: atMost(4),
      });
    return rows.length > 0 ? rows : [row];
  });
}

/** How much of the rate at 1,000 is left at 10,000. */
function linearRow(language: string, rates: ReadonlyMap<Size, ReadonlyMap<string, Summary>>): Row {
  const rate = (size: Size) => rates.get(size)?.get(language) ?? summary([]);
  return {
    measure: `resident: the rate at ${SHAPES.wide.count.toLocaleString("en")}, ${language}`,
    unit: "steps/s",
    ours: rate("wide"),
    floor: { what: `at ${SHAPES.fan.count.toLocaleString("en")}`, value: rate("fan") },
    goal: atLeast(0.8),
  };
}
