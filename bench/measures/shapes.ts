/** The shapes of the vendor's scaling benchmark, by programs of ours, from the details of the runs. */
import { existsSync } from "node:fs";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { setTimeout as sleep } from "node:timers/promises";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import type { Action } from "../../src/wire/gen/flyteidl2/workflow/run_definition_pb.js";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { clientConfig } from "../../test/helpers/server.ts";
import { ON_DISK } from "../helpers/conditions.ts";
import { atLeast, atMost, type BenchContext, type Benchmark, type Row } from "../helpers/measure.ts";
import { actionId, isOver, ROOT, SCOPE } from "../helpers/requests.ts";
import { PYTHON, startServer, type BenchServer } from "../helpers/server.ts";

const PROGRAM = join(import.meta.dirname, "../programs/shapes.py");
/** The driver runs in a container of this image, with podman; without it as a process. */
const IMAGE = process.env["BOXKITE_BENCH_SHAPES_IMAGE"];
/** As the SDK throttles itself where the server says nothing. */
const SDKS_OWN = { _F_MAX_QPS: "100", _F_P_CNC: "1000" };
/** Memory of the server is sampled so often. */
const SAMPLE_MS = 500;
const POLL_MS = 200;

interface Wanted {
  readonly task: "fan_out" | "chain";
  readonly inputs: Readonly<Record<string, number>>;
  /** @default 1 */
  readonly runs?: number;
  readonly variables?: Readonly<Record<string, string>>;
}

interface Shape {
  /** From the first creation to the last end, by the runs' details. */
  readonly seconds: number;
  readonly peakMb: number;
  /** Leaves that had more than one attempt, or did not succeed. */
  readonly troubled: number;
  /** When leaves ended, in milliseconds, in order. */
  readonly ends: readonly number[];
  readonly cpuMsPerLeaf: number;
}

export const shapes: Benchmark = {
  name: "shapes",
  about: "fan-out, chain, swarm and leaves held live: one driver each, leaves that sleep in the server",
  conditions: { durability: ON_DISK, isolation: "one container for each driver; leaves run in the server" },
  floorConditions: { durability: ON_DISK, isolation: "the same" },
  missing: async () => (existsSync(PYTHON) ? undefined : `there is no ${PYTHON}`),
  limitSeconds: 1_800,
  run: async (context) => {
    const server = await startServer(context, { engine: IMAGE === undefined ? "process" : "podman" });
    const directory = await context.directory();
    await copyFile(PROGRAM, join(directory, "shapes.py"));
    await writeFile(join(directory, "config.yaml"), clientConfig(server.port));
    const measure = (wanted: Wanted) => measured(context, server, directory, wanted);
    const rows: Row[] = [];
    const { count } = context;

    for (const [full, goal, own] of [
      [1_000, 9, 11],
      [6_000, 45, 65],
    ] as const) {
      const leaves = count(full, full / 100);
      const wanted = { task: "fan_out", inputs: { count: leaves, seconds: 0 } } as const;
      rows.push(secondsRow(`fan-out of ${leaves}`, await measure(wanted), goal));
      rows.push(
        secondsRow(
          `fan-out of ${leaves}, as the SDK throttles itself`,
          await measure({ ...wanted, variables: SDKS_OWN }),
          own,
        ),
      );
    }
    for (const [full, goal] of [
      [100, 4],
      [500, 12],
    ] as const) {
      const links = count(full, full / 50);
      rows.push(
        secondsRow(`chain of ${links}`, await measure({ task: "chain", inputs: { count: links } }), goal),
      );
    }

    const perRun = count(2_000, 50);
    const swarm = await measure({
      task: "fan_out",
      inputs: { count: perRun, seconds: 1 },
      runs: count(5, 2),
    });
    const [first, last] = [rate(swarm.ends, 0), rate(swarm.ends, 0.9)];
    rows.push(
      secondsRow(`swarm of ${swarm.ends.length}, runs of ${perRun}, 1 s each`, swarm, 60),
      {
        measure: "shapes: swarm, rate of the last tenth",
        unit: "/s",
        ours: last,
        floor: { what: "of the first tenth", value: first },
        goal: atLeast(0.8),
      },
      memoryRow("swarm", swarm, 600),
    );
    const seconds = count(120, 2);
    const [runs, held] = [count(40, 2), count(1_000, 20)];
    const live = await measure({ task: "fan_out", inputs: { count: held, seconds }, runs });
    rows.push(
      secondsRow(`${runs} runs of ${held} held for ${seconds} s`, live, 900),
      memoryRow("held", live, 1_024),
    );
    return rows;
  },
};

async function measured(
  context: BenchContext,
  server: BenchServer,
  directory: string,
  { task, inputs, runs = 1, variables = {} }: Wanted,
): Promise<Shape> {
  context.say(`${runs} × ${task} ${JSON.stringify(inputs)}`);
  const cpuBefore = server.cpuMs();
  const memory = { peakMb: 0 };
  const watching = new AbortController();
  const sampled = sampleMemory(server, memory, watching.signal);
  try {
    const args = [
      "shapes.py",
      "config.yaml",
      task,
      String(runs),
      asFloats(inputs),
      JSON.stringify(variables),
    ];
    const env = { ...process.env, HOME: directory, ...(IMAGE !== undefined && { SHAPES_IMAGE: IMAGE }) };
    const { stdout } = await promisify(execFile)(PYTHON, args, { cwd: directory, env });
    const names = [...stdout.matchAll(/^run (\S+)$/gmu)].map(([, name = ""]) => name);
    const spans = await Promise.all(names.map((name) => spanOf(context, server, name)));
    const leaves = (await Promise.all(names.map((name) => leavesOf(server, name)))).flat();
    return {
      seconds:
        (Math.max(...spans.map(({ end }) => end)) - Math.min(...spans.map(({ start }) => start))) / 1_000,
      peakMb: memory.peakMb,
      troubled: leaves.filter(isTroubled).length,
      ends: leaves.map(endOf).toSorted((a, b) => a - b),
      cpuMsPerLeaf: (server.cpuMs() - cpuBefore) / leaves.length,
    };
  } finally {
    watching.abort();
    await sampled;
  }
}

/** `seconds` is a float for the SDK, which takes no whole number for one. */
function asFloats(inputs: Wanted["inputs"]): string {
  return JSON.stringify(inputs).replace(/("seconds":\d+)(?=[,}])/u, "$1.0");
}

async function sampleMemory(
  server: BenchServer,
  memory: { peakMb: number },
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    memory.peakMb = Math.max(memory.peakMb, server.memory().rssMb);
    await sleep(SAMPLE_MS, undefined, { signal }).catch(() => {});
  }
}

async function spanOf(
  { signal }: BenchContext,
  { clients }: BenchServer,
  run: string,
): Promise<{ readonly start: number; readonly end: number }> {
  for (;;) {
    const { details } = await clients.runs.getRunDetails({ runId: actionId(run, ROOT).run }, { signal });
    const { phase, startTime, endTime } = details?.action?.status ?? {};
    if (phase !== undefined && isOver(phase)) {
      if (phase !== ActionPhase.SUCCEEDED) throw new Error(`run ${run} ended as ${ActionPhase[phase]}`);
      return { start: startTime ? timestampMs(startTime) : 0, end: endTime ? timestampMs(endTime) : 0 };
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

async function leavesOf({ clients }: BenchServer, run: string): Promise<Action[]> {
  const all: Action[] = [];
  for (let token = ""; ;) {
    const page = await clients.runs.listActions({
      runId: { org: "", ...SCOPE, name: run },
      request: { limit: 1_000, token },
    });
    all.push(...page.actions.filter(({ id }) => id?.name !== ROOT));
    if (page.token === "") return all;
    token = page.token;
  }
}

const isTroubled = ({ status }: Action): boolean =>
  status?.phase !== ActionPhase.SUCCEEDED || status.attempts !== 1;

const endOf = ({ status }: Action): number => (status?.endTime ? timestampMs(status.endTime) : Number.NaN);

/** Ends a second in the tenth of all that begins at this fraction. */
function rate(ends: readonly number[], from: number): number {
  const part = ends.slice(Math.floor(ends.length * from), Math.ceil(ends.length * (from + 0.1)));
  return ((part.length - 1) * 1_000) / Math.max(1, (part.at(-1) ?? 0) - (part[0] ?? 0));
}

function secondsRow(what: string, { seconds, troubled, cpuMsPerLeaf }: Shape, most: number): Row {
  return {
    measure: `shapes: ${what}`,
    unit: "s",
    ours: seconds,
    goal: atMost(most, "ours"),
    note: `server ${cpuMsPerLeaf.toFixed(2)} ms of processor per leaf; retried or failed: ${troubled}`,
  };
}

function memoryRow(what: string, { peakMb }: Shape, most: number): Row {
  return { measure: `shapes: ${what}, server memory`, unit: "MB", ours: peakMb, goal: atMost(most, "ours") };
}
