/** Children in a team's image that knows nothing of flyte, against Flyte's Go backend on a Kubernetes. */
import { missingImage, taggedImage, TEAM_IMAGE } from "../helpers/bench-images.ts";
import { IN_CONTAINERS } from "../helpers/conditions.ts";
import { mapFigure, summary } from "../helpers/figure.ts";
import { flyteProgram } from "../helpers/flyte-program.ts";
import { atMost, type Benchmark, type Conditions, type Row } from "../helpers/measure.ts";
import { startServer } from "../helpers/server.ts";
import { takeTurns } from "../helpers/stats.ts";
import { warmFlow } from "../helpers/warm-flow.ts";
import { requireMode } from "../helpers/warm-mode.ts";

/** Measured by us on a machine of this size: seconds of each child, and of all 50 at once. */
const GO_BACKEND = { perChild: 2.0, parallel: 41.6 } as const;
const GO_CONDITIONS: Conditions = {
  durability: "PostgreSQL with synchronous commits",
  isolation: "a pod for each action, on a Kubernetes of one node",
};
const CHILDREN = 50;
/** Twice as many attempts run as there are processors, and as many workers as processors: some begin cold. */
const LEAST_FORKED = 0.9;

export const teamImage: Benchmark = {
  name: "team-image",
  about: `${CHILDREN} children in an unmodified image, one after the other and at once, forked; Podman`,
  conditions: {
    ...IN_CONTAINERS,
    isolation: "a process for each action, forked in a container of its run, one at a time",
  },
  floorConditions: GO_CONDITIONS,
  missing: () => missingImage(TEAM_IMAGE),
  limitSeconds: 300,
  run: async (context) => {
    const image = await taggedImage(context, TEAM_IMAGE, "team-image");
    const server = await startServer(context, { engine: "podman" });
    const program = await flyteProgram(context, server, warmFlow({ image, mode: "fork" }));
    const count = context.count(CHILDREN, 4);
    const shares: number[] = [];
    const works = {
      sequential: async () => {
        const { run, output } = await program.run("sequential", { count });
        await requireMode(server, run, "fork");
        return (output as number[]).reduce((sum, ms) => sum + ms, 0) / 1_000;
      },
      parallel: async () => {
        const { run, output } = await program.run("parallel", { count });
        // A child that finds no free worker starts cold, and workers may be replaced in between.
        shares.push(await requireMode(server, run, "fork", context.quick ? 0 : LEAST_FORKED));
        return ((output as number[])[0] ?? Number.NaN) / 1_000;
      },
    };
    await takeTurns(1, works);
    shares.length = 0;
    const results = await takeTurns(context.count(5, 1), works, context.signal);
    const row = (what: string, ours: Row["ours"], seconds: number, times: number, note: string): Row => ({
      measure: `team-image: ${count} children ${what}`,
      unit: "s",
      ours,
      floor: { what: "Flyte's Go backend, measured before", value: seconds, isFixed: true },
      goal: atMost(1 / times),
      note: `goal: ${times} × faster; ${note}`,
    });
    return [
      row("one after the other", summary(results.sequential), GO_BACKEND.perChild * count, 20, "all forked"),
      row(
        "at once",
        summary(results.parallel),
        (GO_BACKEND.parallel * count) / CHILDREN,
        8,
        `at least ${Math.floor(Math.min(...shares) * 100)} % of them forked`,
      ),
      {
        measure: "team-image: one of them, as the parent sees it",
        unit: "ms",
        ours: mapFigure(summary(results.sequential), (seconds) => (seconds * 1_000) / count),
      },
    ];
  },
};
