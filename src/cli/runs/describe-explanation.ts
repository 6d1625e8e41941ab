/** What `boxkite why` prints: the failed action with its error first, then what is different since a green run. */
import type { ActionError } from "../../domain/action.ts";
import { isDifferent, type Comparison } from "../../domain/comparison/compare.ts";
import { describeWarmStart } from "../../domain/describe-warm-start.ts";
import type { RunEntry } from "../../domain/run-document.ts";
import type { WarmStart } from "../../domain/warm-start.ts";
import { comparisonLines, differenceLines } from "./describe-comparison.ts";
import { errorLines } from "./describe-document.ts";
import { indented, plain, timeText } from "./text.ts";

export interface Explanation {
  readonly run: RunEntry;
  /** Of a failed run: actions from the root down to the one that failed by itself. */
  readonly path?: readonly string[];
  /** That of the failed action. */
  readonly task?: string;
  readonly error?: ActionError;
  /** Of the failed action's last attempt, where others had run in its worker before. */
  readonly warm?: WarmStart;
  /** Where no run of it succeeded before. */
  readonly rootTask?: string;
  /** With the newest run before it that succeeded. */
  readonly comparison?: Comparison;
  /** Of the failed action, unless it is the root. */
  readonly ofFailedAction?: Comparison;
}

/** `page`: of the failed action. */
export function explanationText(explanation: Explanation, page: string): string {
  const { run, path, task, error, warm, rootTask, comparison, ofFailedAction } = explanation;
  const lines = [
    `run ${run.name} ${run.status.replaceAll("_", " ")}`,
    ...(path === undefined
      ? []
      : [`failed at ${path.join(" › ")}${task === undefined ? "" : ` (${plain(task)})`}`]),
    page,
    ...errorLines(error),
    ...(warm === undefined ? [] : workerLines(warm)),
    "",
    ...(comparison === undefined ? [withoutGreen(rootTask)] : greenLines(comparison)),
    ...(ofFailedAction === undefined ? [] : failedLines(ofFailedAction)),
  ];
  return `${lines.join("\n")}\n`;
}

/** What others left there may be the cause, and nothing else shows it. */
function workerLines(warm: WarmStart): string[] {
  return [
    "",
    `started ${describeWarmStart(warm)}`,
    "try: run it again with BOXKITE_WARM_START=off among the variables of its environment, or of its run where the environment does not set it, to see whether what they left there matters",
  ];
}

function withoutGreen(task: string | undefined): string {
  const of = task === undefined ? "its task" : plain(task);
  return `no run of ${of} succeeded before it in this project and domain: there is nothing to compare it with`;
}

function greenLines(comparison: Comparison): string[] {
  const { before } = comparison;
  return [
    `${plain(before.task ?? "its task")} succeeded last in run ${before.run}, ${timeText(before.createdAt) ?? ""}; different since:`,
    "",
    ...indented(comparisonLines(comparison)),
    ...(isDifferent(comparison) ? [] : ["", NOTHING]),
  ];
}

const NOTHING =
  "nothing differs that is recorded: the cause may be data that it reads elsewhere, a service that it calls, or chance";

function failedLines(comparison: Comparison): string[] {
  const { before, after } = comparison;
  const lines = differenceLines(comparison);
  return [
    "",
    `the failed action, ${after.action}, compared with ${before.run}/${before.action}:`,
    ...indented(lines.length === 0 ? ["", "nothing differs but its times"] : lines),
  ];
}
