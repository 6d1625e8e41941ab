/** What `boxkite get` prints of a run or an action. */
import { describeAdaptation } from "../../domain/adaptation.ts";
import type { ActionError } from "../../domain/action.ts";
import { ROOT_ACTION } from "../../domain/ids.ts";
import { pinOf } from "../../domain/image.ts";
import {
  describeCode,
  describeDefaults,
  describeProgram,
  describeStart,
  type Provenance,
} from "../../domain/provenance.ts";
import type { ActionEntry, AttemptEntry, RunDocument, TaskTotals } from "../../domain/run-document.ts";
import { formatDuration } from "../../pages/assets/duration.js";
import { formatTable } from "../images/describe.ts";
import { bounded, fieldLines, indented, plain, plainLines, timeText, type Field } from "./text.ts";

const SHOWN_TASKS = 20;

/** `page`: its address. */
export function documentText({ run, action, tasks, failure }: RunDocument, page: string): string {
  const isRoot = action.name === ROOT_ACTION;
  const status = isRoot ? run.status : action.phase;
  const cause = failure !== undefined && failure.action.name !== action.name ? failure : undefined;
  const lines = [
    ...fieldLines([
      ["run", run.name],
      ["action", isRoot ? undefined : `${action.name} (${action.kind})`],
      ["status", status.replaceAll("_", " ")],
      ["task", action.task && `${plain(action.task.name)}, version ${plain(action.task.version)}`],
      ["project", `${run.project}, domain ${run.domain}`],
      ["started by", isRoot ? plain(run.startedBy) : undefined],
      ...timeFields(action),
      ["cache", action.cacheStatus === "disabled" ? undefined : action.cacheStatus],
      ["inputs", action.inputUri],
      ["outputs", action.outputUri],
      ["page", page],
    ]),
    ...inputLines(action),
    ...(cause === undefined
      ? errorLines(action.error)
      : [
          "",
          `failed at ${cause.path.join(" › ")}${taskOf(cause.action)}`,
          ...errorLines(cause.action.error),
        ]),
    ...action.attempts.toReversed().flatMap(attemptLines),
    ...(tasks.length > 1 ? ["", ...bounded(taskLines(tasks), SHOWN_TASKS + 1)] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function taskOf({ task }: ActionEntry): string {
  return task === undefined ? "" : ` (${plain(task.name)})`;
}

/** As on pages: queued until it starts, and its duration from then on. */
function timeFields({ createdAt, startedAt, endedAt }: ActionEntry): Field[] {
  const queuedUntil = startedAt ?? endedAt;
  return [
    ["created", timeText(createdAt)],
    ["queued for", queuedUntil === undefined ? undefined : formatDuration(queuedUntil - createdAt)],
    ["started", timeText(startedAt)],
    ["ended", timeText(endedAt)],
    [
      "duration",
      startedAt === undefined || endedAt === undefined ? undefined : formatDuration(endedAt - startedAt),
    ],
  ];
}

function inputLines({ inputs }: ActionEntry): string[] {
  const { values, omitted, unread } = inputs;
  if (unread !== undefined) return ["", `inputs are ${unread}`];
  if (values.length === 0) return [];
  const more = omitted > 0 ? [`… ${omitted} more`] : [];
  return [
    "",
    "inputs",
    ...indented([...values.map(({ name, text }) => `${plain(name)} = ${plain(text)}`), ...more]),
  ];
}

export function errorLines(error: ActionError | undefined): string[] {
  if (error === undefined) return [];
  return [
    "",
    `error ${plain(error.code)}`,
    ...indented(plainLines(error.message)),
    ...(error.hint === undefined ? [] : [`try: ${plain(error.hint)}`]),
  ];
}

function attemptLines(attempt: AttemptEntry): string[] {
  const { outcome, startedAt, endedAt, createdAt, exitCode, error, provenance } = attempt;
  const end = endedAt === undefined ? undefined : formatDuration(endedAt - createdAt);
  return [
    "",
    [`attempt ${attempt.attempt}`, outcome ?? "running", end].filter((part) => part !== undefined).join("  "),
    ...indented(
      fieldLines([
        ["started", timeText(startedAt)],
        ["exit code", exitCode === undefined ? undefined : String(exitCode)],
        ["error", error && `${plain(error.code)}: ${plainLines(error.message)[0] ?? ""}`],
        ...provenanceFields(provenance),
      ]),
    ),
  ];
}

export function provenanceFields(provenance: Provenance): Field[] {
  const { image, base, code, interpreter, sdk, sentBy, engine, adaptations } = provenance;
  const pin = image && pinOf(image);
  const start = describeStart(provenance);
  return [
    ["image", image?.reference],
    [pin?.kind ?? "digest", pin?.value],
    ["base", base && `${plain(base.name)} ${base.digest}`],
    ["code", plain(describeCode(code))],
    ["source", code.source && plain(code.source.url)],
    ["interpreter", interpreter && plain(describeProgram(interpreter))],
    ["sdk", sdk && plain(`${sdk.name} ${sdk.version}`)],
    ["sent with", sentBy && plain(`${sentBy.name} ${sentBy.version}`)],
    ["engine", engine],
    ["start", start === undefined ? undefined : plain(start)],
    ["adapted", adaptations?.map((each) => plain(describeAdaptation(each)))],
    ["added", describeDefaults(provenance)],
  ];
}

function taskLines(tasks: readonly TaskTotals[]): string[] {
  const rows = tasks.map(({ task, actions, failed, queuedMs, runningMs }) => [
    plain(task),
    String(actions),
    String(failed),
    formatDuration(queuedMs),
    formatDuration(runningMs),
  ]);
  return formatTable([["TASK", "ACTIONS", "FAILED", "QUEUED", "RUNNING"], ...rows])
    .trimEnd()
    .split("\n");
}
