/** What an attempt was, for the comparison of one with another: ids, addresses, times and process numbers are left out. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ActionEntry } from "../../../src/domain/run-document.ts";
import { OBJECT_FILES } from "../../../src/objects/directory/object-files.ts";
import { OBJECTS_DIRECTORY } from "../../../src/server/store-file.ts";
import { keysOfRows } from "../../helpers/object-kinds.ts";
import { parseLine } from "../../../src/logs/log-line.ts";
import type { WorkerMode } from "../../../src/domain/warm-start.ts";

/** Of the line of flow.py with what the steps have seen. */
const SEEN = "seen ";
/** Where the worker's own files are. */
const WORKER = "python-programs/worker";

export interface Observed {
  readonly modes: readonly (WorkerMode | undefined)[];
  /** What is compared. */
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface RunOnServer {
  readonly url: string;
  readonly data: string;
  readonly name: string;
}

export async function documentOf({ url, name }: RunOnServer, action: string): Promise<ActionEntry> {
  const path = `/v2/domain/development/project/flytesnacks/runs/${name}/document?i=${action}`;
  const response = await fetch(new URL(path, url));
  return ((await response.json()) as { readonly action: ActionEntry }).action;
}

export async function observe(run: RunOnServer, entry: ActionEntry, outcome: unknown): Promise<Observed> {
  const attempts = await Promise.all(
    entry.attempts.map(async ({ attempt, outcome: ended, exitCode, error }) => ({
      attempt,
      ended,
      exitCode,
      error,
      ...(await logOf(run, entry.name, attempt)),
    })),
  );
  const facts = {
    phase: entry.phase,
    reason: entry.reason,
    error: entry.error,
    outcome,
    attempts,
    objects: await objectsOf(run, entry.name),
  };
  return {
    modes: entry.attempts.map(({ provenance }) => provenance.warm?.mode),
    facts: normalised(facts, run.name, entry.name) as Record<string, unknown>,
  };
}

/** Of each output: how their lines stand between one another is not determined. */
async function logOf({ data, name }: RunOnServer, action: string, attempt: number) {
  const file = join(data, "logs/flytesnacks/development", name, action, `${attempt}.log`);
  const lines = (await readFile(file, "utf8").catch(() => "")).split("\n").map(parseLine);
  const textOf = (stream: string) =>
    lines.filter((line) => line?.stream === stream).map((line) => line?.text ?? "");
  const stdout = textOf("stdout");
  const seen = stdout.find((text) => text.startsWith(SEEN));
  return {
    stdout: stdout.filter((text) => text !== seen),
    seen: seen === undefined ? undefined : (JSON.parse(seen.slice(SEEN.length)) as unknown),
    // Which frames a traceback has depends on when the garbage was collected; those of a worker are never among them.
    stderr: textOf("stderr").filter((text) => !/^ {2,}/u.test(text) || text.includes(WORKER)),
    // This one depends on how busy the machine is.
    system: textOf("system").filter((text) => !text.startsWith("the result is written")),
  };
}

/** What its attempts have written, reports among it: names, whose ids differ. */
async function objectsOf({ data, name }: RunOnServer, action: string): Promise<string[]> {
  const files = await readdir(join(data, OBJECTS_DIRECTORY, OBJECT_FILES), { recursive: true });
  const keys = [
    ...files.filter((path) => path.endsWith("@")).map((path) => path.slice(0, -1)),
    ...keysOfRows(join(data, OBJECTS_DIRECTORY)),
  ];
  const own = keys.filter((key) => key.includes(`${name}/${action}/`));
  return own.map((path) => text(path, name, action)).toSorted();
}

/** Variables by which modes and containers differ. */
const LEFT_OUT = /^(BOXKITE_WARM_START|HOSTNAME|marker-\w+)(=|$)/u;

function normalised(value: unknown, run: string, action: string): unknown {
  if (typeof value === "string") return text(value, run, action);
  if (Array.isArray(value))
    return value
      .filter((each) => typeof each !== "string" || !LEFT_OUT.test(each))
      .map((each) => normalised(each, run, action));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([name]) => !LEFT_OUT.test(name));
  return Object.fromEntries(entries.map(([name, each]) => [name, normalised(each, run, action)]));
}

function text(value: string, run: string, action: string): string {
  return (
    value
      .replaceAll(run, "RUN")
      .replaceAll(action, "ACTION")
      .replaceAll(/\b0x[0-9a-f]{6,}\b/gu, "ADDRESS")
      .replaceAll(/"(random|uuid)": ?[^,}]+/gu, "$1")
      .replaceAll(/\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b/gu, "IP")
      .replaceAll(/\bTask-\d+/gu, "TASK")
      // An excerpt of the log, which has variables in another order and length.
      .replaceAll(/its log ends with: .*?(?=; hint|$)/gsu, "LOG")
      // Of an object.
      .replaceAll(/\b[0-9a-f]{32}\b/gu, "ID")
  );
}
