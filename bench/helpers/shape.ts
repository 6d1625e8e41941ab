/** One shape of the vendor's scaling benchmark, run by a program of ours and measured from the details of its runs. */
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import type { Action } from "../../src/wire/gen/flyteidl2/workflow/run_definition_pb.js";
import { clientConfig } from "../../test/helpers/server.ts";
import { FLYTE_IMAGE, missingImage, taggedImage } from "./bench-images.ts";
import type { BenchContext } from "./measure.ts";
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
  /** Of the server: the most while it ran, and how much more it was at the end than before. */
  readonly peakMb: number;
  readonly grownMb: number;
  /** Leaves that had more than one attempt, or did not succeed. */
  readonly troubled: number;
  /** When leaves ended, in milliseconds, in order. */
  readonly ends: readonly number[];
  readonly cpuMsPerLeaf: number;
}

export type MeasureShape = (wanted: Wanted) => Promise<Shape>;

/** A server and the program for it. The driver runs in a container where the engine and its image are there. */
export async function prepareShapes(context: BenchContext): Promise<MeasureShape> {
  const missing = await missingImage(FLYTE_IMAGE);
  if (missing !== undefined) context.say(`drivers run as processes: ${missing}`);
  const image = missing === undefined ? await taggedImage(context, FLYTE_IMAGE, "shapes") : undefined;
  const server = await startServer(context, { engine: image === undefined ? "process" : "podman" });
  const directory = await context.directory();
  await copyFile(PROGRAM, join(directory, "shapes.py"));
  await writeFile(join(directory, "config.yaml"), clientConfig(server.port));
  return (wanted) => measured(context, server, { directory, image }, wanted);
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
      grownMb: server.memory().rssMb - before.rssMb,
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
