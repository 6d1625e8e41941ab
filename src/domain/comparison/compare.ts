/** What differs between two runs, or two actions, computed from what servers say of them. */
import { describeAdaptation } from "../adaptation.ts";
import type { TimeMs } from "../action.ts";
import { describeMode, followsOthers } from "../describe-warm-start.ts";
import type { Phase } from "../phase.ts";
import { describeCommit, describeProgram, type Provenance } from "../provenance.ts";
import type { ActionEntry, RunDocument, TaskTotals } from "../run-document.ts";
import { changesOf, type Change, type Values } from "./changes.ts";
import { compareImages, type ImageComparison } from "./images.ts";
import { compareSettings } from "./settings.ts";

export interface Comparison {
  readonly before: ComparedAction;
  readonly after: ComparedAction;
  /** That differ. */
  readonly images: readonly ImageComparison[];
  /** How many more are not compared. */
  readonly omittedImages: number;
  /** Task and version, code bundle, commit. */
  readonly code: readonly Change[];
  /** Interpreter, SDK, engine, adaptations. */
  readonly runtime: readonly Change[];
  readonly inputs: readonly Change[];
  /** Why inputs were not compared, or not all of them. */
  readonly inputsNote?: string;
  /** Without values, which may be secret. */
  readonly environment: readonly VariableChange[];
  readonly settings: readonly Change[];
  readonly durations: readonly DurationChange[];
  /** Of whole runs: by task, those of either. */
  readonly tasks: readonly TaskChange[];
}

export interface ComparedAction {
  readonly project: string;
  readonly domain: string;
  readonly run: string;
  readonly action: string;
  readonly task?: string;
  readonly phase: Phase;
  readonly createdAt: TimeMs;
}

export interface VariableChange {
  readonly name: string;
  readonly change: "added" | "removed" | "changed";
}

export interface DurationChange {
  readonly name: "queued" | "running";
  /** Undefined where it has not started or not ended. */
  readonly beforeMs?: number;
  readonly afterMs?: number;
}

export interface TaskChange {
  readonly task: string;
  readonly before?: TaskTotals;
  readonly after?: TaskTotals;
}

export function compareDocuments(before: RunDocument, after: RunDocument): Comparison {
  const note = inputsNote(before.action, after.action);
  return {
    before: comparedAction(before),
    after: comparedAction(after),
    images: compareImages(before, after),
    omittedImages: Math.max(before.omittedImages, after.omittedImages),
    code: changesOf(codeOf(before.action), codeOf(after.action)),
    runtime: changesOf(runtimeOf(before.action), runtimeOf(after.action)),
    inputs: compareInputs(before.action, after.action),
    ...(note !== undefined && { inputsNote: note }),
    environment: compareEnvironment(before.action, after.action),
    settings: compareSettings(before, after),
    durations: compareDurations(before.action, after.action),
    tasks: compareTasks(before.tasks, after.tasks),
  };
}

/** Whether anything differs other than how long it took. */
export function isDifferent(comparison: Comparison): boolean {
  const { images, code, runtime, inputs, environment, settings } = comparison;
  return [images, code, runtime, inputs, environment, settings].some((list) => list.length > 0);
}

function comparedAction({ run, action }: RunDocument): ComparedAction {
  const { project, domain } = run;
  return {
    project,
    domain,
    run: run.name,
    action: action.name,
    ...(action.task && { task: action.task.name }),
    phase: action.phase,
    createdAt: action.createdAt,
  };
}

/** Of the last attempt; undefined of what never started. */
function provenanceOf({ attempts }: ActionEntry): Provenance | undefined {
  return attempts.at(-1)?.provenance;
}

function codeOf(action: ActionEntry): Values {
  const code = provenanceOf(action)?.code;
  return {
    task: action.task?.name,
    version: action.task?.version,
    bundle: code && (code.bundles.join(", ") || "in the image"),
    source: code?.source && (describeCommit(code.source) || code.source.url),
  };
}

function runtimeOf(action: ActionEntry): Values {
  const { interpreter, sdk, sentBy, engine, adaptations, warm } = provenanceOf(action) ?? {};
  const adapted = adaptations?.map(describeAdaptation).join("; ");
  return {
    interpreter: interpreter && describeProgram(interpreter),
    SDK: sdk && `${sdk.name} ${sdk.version}`,
    "sent with": sentBy && `${sentBy.name} ${sentBy.version}`,
    engine,
    adapted: adapted === "" ? undefined : adapted,
    // Whether it found a worker with nothing before it changes nothing of what it ran in.
    "worker with earlier attempts": warm && followsOthers(warm) ? describeMode(warm.mode) : undefined,
  };
}

function compareInputs(before: ActionEntry, after: ActionEntry): Change[] {
  const [old, now] = [before, after].map(
    ({ inputs }) => new Map(inputs.values.map((value) => [value.name, value])),
  ) as [
    Map<string, ActionEntry["inputs"]["values"][number]>,
    Map<string, ActionEntry["inputs"]["values"][number]>,
  ];
  return [...new Set([...old.keys(), ...now.keys()])].toSorted().flatMap((name) => {
    const [left, right] = [old.get(name), now.get(name)];
    if (left?.hash === right?.hash) return [];
    return [{ name, ...(left && { before: left.text }), ...(right && { after: right.text }) }];
  });
}

function inputsNote(before: ActionEntry, after: ActionEntry): string | undefined {
  const unread = before.inputs.unread ?? after.inputs.unread;
  if (unread !== undefined) return `those of one of the two are ${unread}`;
  const omitted = Math.max(before.inputs.omitted, after.inputs.omitted);
  return omitted > 0 ? `${omitted} more are not compared` : undefined;
}

function compareEnvironment(before: ActionEntry, after: ActionEntry): VariableChange[] {
  const fingerprints = ({ environment }: ActionEntry): Values =>
    Object.fromEntries(environment.map(({ name, fingerprint }) => [name, fingerprint]));
  return changesOf(fingerprints(before), fingerprints(after)).map(({ name, before: old, after: now }) => ({
    name,
    change: old === undefined ? "added" : now === undefined ? "removed" : "changed",
  }));
}

function compareDurations(before: ActionEntry, after: ActionEntry): DurationChange[] {
  const of = (name: DurationChange["name"], old: number | undefined, now: number | undefined) =>
    old === undefined && now === undefined
      ? []
      : [{ name, ...(old !== undefined && { beforeMs: old }), ...(now !== undefined && { afterMs: now }) }];
  return [
    ...of("queued", queuedMs(before), queuedMs(after)),
    ...of("running", runningMs(before), runningMs(after)),
  ];
}

/** From creation to start, as on pages. */
function queuedMs({ createdAt, startedAt }: ActionEntry): number | undefined {
  return startedAt === undefined ? undefined : startedAt - createdAt;
}

function runningMs({ startedAt, endedAt }: ActionEntry): number | undefined {
  return startedAt === undefined || endedAt === undefined ? undefined : endedAt - startedAt;
}

function compareTasks(before: readonly TaskTotals[], after: readonly TaskTotals[]): TaskChange[] {
  const names = [...new Set([...before, ...after].map(({ task }) => task))];
  return names.map((task) => {
    const of = (all: readonly TaskTotals[]) => all.find((each) => each.task === task);
    const [old, now] = [of(before), of(after)];
    return { task, ...(old && { before: old }), ...(now && { after: now }) };
  });
}
