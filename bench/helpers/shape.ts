/** One shape of the vendor's scaling benchmark, run by a program of ours and measured from the details of its runs. */
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import type { Action } from "../../src/wire/gen/flyteidl2/workflow/run_definition_pb.js";
import { clientConfig } from "../../test/helpers/server.ts";
import { FLYTE_IMAGE, missingImage, taggedImage } from "./bench-images.ts";
import { ON_DISK } from "./conditions.ts";
import type { BenchContext, Conditions } from "./measure.ts";
import { outputOf } from "./process.ts";
import { actionId, isOver, ROOT, SCOPE } from "./requests.ts";
import { PYTHON, startServer, type BenchServer } from "./server.ts";

const PROGRAM = join(import.meta.dirname, "../programs/shapes.py");
/** Memory of the server is sampled so often. */
const SAMPLE_MS = 500;
const POLL_MS = 200;

export interface Wanted {
  readonly task: "fan_out" | "chain";
  readonly inputs: Readonly<Record<string, number>>;
  /** @default 1 */
  readonly runs?: number;
  readonly variables?: Readonly<Record<string, string>>;
}

export interface Shape {
  /** From the first creation to the last end, by the runs' details. */
  readonly seconds: number;
  /** Memory of the server: before, at the end, and the most in between. */
  readonly beforeMb: number;
  readonly afterMb: number;
  readonly peakMb: number;
  /** Leaves that had more than one attempt, or did not succeed. */
  readonly troubled: number;
  /** When leaves ended, in milliseconds, in order. */
  readonly ends: readonly number[];
  readonly cpuMsPerLeaf: number;
}

export type MeasureShape = (wanted: Wanted) => Promise<Shape>;

export const DRIVERS_IN_CONTAINERS: Conditions = {
  durability: ON_DISK,
  isolation: "one container for each driver (Podman); leaves run in the server",
};
const DRIVERS_IN_PROCESSES: Conditions = {
  durability: ON_DISK,
  isolation: "one process for each driver, no container; leaves run in the server",
};

export interface ShapeServer {
  readonly server: BenchServer;
  /** Undefined where drivers run as processes. */
  readonly image: string | undefined;
  readonly conditions: Conditions;
}

/** Drivers run in containers where the engine and its image are there, and else as processes. */
export async function startShapeServer(context: BenchContext): Promise<ShapeServer> {
  const missing = await missingImage(FLYTE_IMAGE);
  if (missing !== undefined) {
    context.say(`drivers run as processes: ${missing}`);
    const server = await startServer(context, { engine: "process" });
    return { server, image: undefined, conditions: DRIVERS_IN_PROCESSES };
  }
  const image = await taggedImage(context, FLYTE_IMAGE, "shapes");
  return {
    server: await startServer(context, { engine: "podman" }),
    image,
    conditions: DRIVERS_IN_CONTAINERS,
  };
}

export interface PreparedShapes {
  readonly measure: MeasureShape;
  readonly conditions: Conditions;
}

/** A server and the program for it. */
export async function prepareShapes(context: BenchContext): Promise<PreparedShapes> {
  const { server, image, conditions } = await startShapeServer(context);
  const directory = await context.directory();
  await copyFile(PROGRAM, join(directory, "shapes.py"));
  await writeFile(join(directory, "config.yaml"), clientConfig(server.port));
  return { measure: (wanted) => measured(context, server, { directory, image }, wanted), conditions };
}

interface Program {
  readonly directory: string;
  readonly image: string | undefined;
}

async function measured(
  context: BenchContext,
  server: BenchServer,
  { directory, image }: Program,
  { task, inputs, runs = 1, variables = {} }: Wanted,
): Promise<Shape> {
  context.say(`${runs} × ${task} ${JSON.stringify(inputs)}`);
  const before = { cpuMs: server.cpuMs(), rssMb: server.memory().rssMb };
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
    const env = { ...process.env, HOME: directory, ...(image !== undefined && { SHAPES_IMAGE: image }) };
    const stdout = await outputOf(PYTHON, args, { cwd: directory, env });
    const names = [...stdout.matchAll(/^run (\S+)$/gmu)].map(([, name = ""]) => name);
    const spans = await Promise.all(names.map((name) => spanOf(context, server, name)));
    const leaves = (await Promise.all(names.map((name) => leavesOf(server, name)))).flat();
    return {
      seconds:
        (Math.max(...spans.map(({ end }) => end)) - Math.min(...spans.map(({ start }) => start))) / 1_000,
      peakMb: memory.peakMb,
      beforeMb: before.rssMb,
      afterMb: server.memory().rssMb,
      troubled: leaves.filter(isTroubled).length,
      ends: leaves.map(endOf).toSorted((a, b) => a - b),
      cpuMsPerLeaf: (server.cpuMs() - before.cpuMs) / leaves.length,
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
