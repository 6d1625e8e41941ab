/** The shapes of the vendor's scaling benchmark, by programs of ours, beside the figures that the vendor published. */
import { existsSync } from "node:fs";
import { summary } from "../helpers/figure.ts";
import { atLeast, atMost, type Benchmark, type Conditions, type Row } from "../helpers/measure.ts";
import { PUBLISHED, publishedFloors, type Published } from "../helpers/published.ts";
import { PYTHON } from "../helpers/server.ts";
import { DRIVERS_IN_CONTAINERS, prepareShapes, type Shape } from "../helpers/shape.ts";
import { takeTurns } from "../helpers/stats.ts";

/** As the SDK throttles itself where the server says nothing. */
const SDKS_OWN = { _F_MAX_QPS: "100", _F_P_CNC: "1000" };

const missing = async () => (existsSync(PYTHON) ? undefined : `there is no ${PYTHON}`);
const base = { conditions: DRIVERS_IN_CONTAINERS, floorConditions: PUBLISHED, missing } as const;

const FAN_OUTS = [
  { leaves: 1_000, most: 9, mostThrottled: 11, published: { open: 68.4, closed: 19.0 } },
  { leaves: 6_000, most: 45, mostThrottled: 65, published: { open: 355.6, closed: 68.6 } },
] as const;
const CHAINS = [
  { links: 100, most: 4, published: { open: 18.9, closed: 19.0 } },
  { links: 500, most: 12, published: { open: 83.5, closed: 83.7 } },
] as const;

export const shapes: Benchmark = {
  ...base,
  name: "shapes",
  about: "the vendor's fan-out and chain of leaves that take no time, one driver in a container",
  limitSeconds: 1_500,
  run: async (context) => {
    const { measure, conditions } = await prepareShapes(context);
    const rounds = context.count(5, 1);
    await measure({ task: "fan_out", inputs: { count: context.count(100, 2), seconds: 0 } });
    for (const { leaves, most, mostThrottled, published } of FAN_OUTS) {
      const count = context.count(leaves, leaves / 100);
      const wanted = { task: "fan_out", inputs: { count, seconds: 0 } } as const;
      const turns = {
        ours: () => measure(wanted),
        throttled: () => measure({ ...wanted, variables: SDKS_OWN }),
      };
      const times = await takeTurns(rounds, turns, context.signal);
      const what = `fan-out of ${count.toLocaleString("en")}`;
      const point = { chart: "Seconds of a fan-out", x: count, xUnit: "leaves" };
      for (const row of secondsRows(what, times.ours, most, published))
        context.row({ ...row, conditions, point });
      for (const row of secondsRows(`${what}, as the SDK throttles itself`, times.throttled, mostThrottled))
        context.row({ ...row, conditions });
    }
    for (const { links, most, published } of CHAINS) {
      const count = context.count(links, links / 50);
      const times = await takeTurns(
        rounds,
        { ours: () => measure({ task: "chain", inputs: { count } }) },
        context.signal,
      );
      const point = { chart: "Seconds of a chain", x: count, xUnit: "links" };
      for (const row of secondsRows(`chain of ${count}`, times.ours, most, published))
        context.row({ ...row, conditions, point });
    }
    return [];
  },
};

const SWARM = { perRun: 2_000, published: { open: 168.8, closed: 71.3 } } as const;
const MOST_MB = 600;

export const swarm: Benchmark = {
  ...base,
  name: "swarm",
  about: "the vendor's swarm of 10,000: 5 runs at once of 2,000 leaves of 1 s",
  limitSeconds: 600,
  run: async (context) => {
    const { measure, conditions } = await prepareShapes(context);
    const perRun = context.count(SWARM.perRun, 50);
    const inputs = { count: perRun, seconds: 1 };
    const runs = context.count(5, 2);
    // Not counted, but its memory is: it warms the server.
    const warmUp = await measure({ task: "fan_out", inputs: { count: context.count(100, 2), seconds: 0 } });
    const { ours } = await takeTurns(
      context.count(5, 1),
      { ours: () => measure({ task: "fan_out", inputs, runs }) },
      context.signal,
    );
    const rows = [
      ...secondsRows(`swarm of ${perRun * runs}`, ours, 60, SWARM.published),
      ...swarmRows("swarm", ours, conditions, [warmUp, ...ours]),
    ];
    return rows.map((row) => ({ ...row, conditions }));
  },
};

export const swarmLarge: Benchmark = {
  ...base,
  name: "swarm-large",
  about: "the vendor's swarm of 200,000: 100 runs at once of 2,000 leaves of 1 s, measured once",
  limitSeconds: 4_000,
  isLong: true,
  run: async (context) => {
    const { measure, conditions } = await prepareShapes(context);
    const perRun = context.count(SWARM.perRun, 20);
    const inputs = { count: perRun, seconds: 1 };
    const runs = context.count(100, 3);
    const ours = [await measure({ task: "fan_out", inputs, runs })];
    const what = `swarm of ${perRun * runs}`;
    const rows = [...secondsRows(what, ours, 2_600, { closed: 1_533 }), ...swarmRows(what, ours, conditions)];
    return rows.map((row) => ({ ...row, conditions }));
  },
};

export const held: Benchmark = {
  ...base,
  name: "held",
  about: "40 runs at once of 1,000 leaves that are held live for 120 s, measured once",
  limitSeconds: 1_200,
  isLong: true,
  run: async (context) => {
    const { measure, conditions } = await prepareShapes(context);
    const inputs = { count: context.count(1_000, 20), seconds: context.count(120, 2) };
    const runs = context.count(40, 2);
    const ours = [await measure({ task: "fan_out", inputs, runs })];
    const what = `${runs} runs of ${inputs.count} held for ${inputs.seconds} s`;
    const rows = [
      ...secondsRows(what, ours, 900, { open: 756 }),
      troubledRow(what, ours),
      memoryRow(what, ours, 1_024),
    ];
    return rows.map((row) => ({ ...row, conditions }));
  },
};

/** The first of them has the goal; the published figures are beside it, each in a row. */
function secondsRows(what: string, shape: readonly Shape[], most: number, published: Published = {}): Row[] {
  const perLeaf = summary(shape.map(({ cpuMsPerLeaf }) => cpuMsPerLeaf)).value.toFixed(2);
  const row: Row = {
    measure: `shapes: ${what}`,
    unit: "s",
    ours: summary(shape.map(({ seconds }) => seconds)),
    goal: atMost(most, "ours"),
    note: `${perLeaf} ms of the server's processor for each leaf`,
  };
  const { goal: _, ...beside } = row;
  const [first, ...others] = publishedFloors(published);
  if (first === undefined) return [row];
  return [{ ...row, floor: first }, ...others.map((floor) => ({ ...beside, floor }))];
}

/** `all`: what has run on the server since it was ready, in order. */
function swarmRows(
  what: string,
  shape: readonly Shape[],
  conditions: Conditions,
  all: readonly Shape[] = shape,
): Row[] {
  const rate = (from: number) => summary(shape.map(({ ends }) => rateFrom(ends, from)));
  return [
    {
      measure: `shapes: ${what}, rate of the last tenth`,
      unit: "/s",
      ours: rate(0.9),
      floor: { what: "of the first tenth", value: rate(0), conditions },
      goal: atLeast(0.8),
    },
    troubledRow(what, shape),
    memoryRow(what, shape, MOST_MB),
    {
      measure: `shapes: ${what}, memory for 1,000 finished actions`,
      unit: "MiB",
      ours: grownPerThousand(all),
      floor: { what: "the vendor's open backend, published", value: 54, isFixed: true },
      goal: atMost(2.5, "ours"),
      note: "from the start of the server on, with what its heap takes to get to its size",
    },
  ];
}

/** MiB from before the first to the end of the last, for 1,000 of all their leaves. */
export function grownPerThousand(shapes: readonly Pick<Shape, "beforeMb" | "afterMb" | "ends">[]): number {
  const leaves = shapes.reduce((sum, { ends }) => sum + ends.length, 0);
  return (((shapes.at(-1)?.afterMb ?? Number.NaN) - (shapes[0]?.beforeMb ?? Number.NaN)) * 1_000) / leaves;
}

/** Ends a second in the tenth of all that begins at this fraction. */
function rateFrom(ends: readonly number[], from: number): number {
  const part = ends.slice(Math.floor(ends.length * from), Math.ceil(ends.length * (from + 0.1)));
  return ((part.length - 1) * 1_000) / Math.max(1, (part.at(-1) ?? 0) - (part[0] ?? 0));
}

function troubledRow(what: string, shape: readonly Shape[]): Row {
  const ours = shape.reduce((sum, { troubled }) => sum + troubled, 0);
  return {
    measure: `shapes: ${what}, leaves that failed or were retried`,
    unit: "leaves",
    ours,
    goal: atMost(0, "ours"),
  };
}

function memoryRow(what: string, shape: readonly Shape[], most: number): Row {
  const ours = Math.max(...shape.map(({ peakMb }) => peakMb));
  return { measure: `shapes: ${what}, server memory, most`, unit: "MiB", ours, goal: atMost(most, "ours") };
}
