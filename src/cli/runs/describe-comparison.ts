/** What `boxkite diff` prints: what differs first, then what is the same and what is not known. */
import type { Change, Unit } from "../../domain/comparison/changes.ts";
import type {
  Comparison,
  ComparedAction,
  DurationChange,
  TaskChange,
} from "../../domain/comparison/compare.ts";
import type { ImageComparison } from "../../domain/comparison/images.ts";
import { ROOT_ACTION } from "../../domain/ids.ts";
import { formatDuration } from "../../pages/assets/duration.js";
import { bytesText } from "../../pages/parts.ts";
import { formatTable } from "../images/describe.ts";
import { bounded, indented, plain, short, timeText } from "./text.ts";

/** Lines of one list. */
const MAX_LINES = 30;
const NONE = "-";

export function comparisonText(comparison: Comparison): string {
  return `${comparisonLines(comparison).join("\n")}\n`;
}

export function comparisonLines(comparison: Comparison): string[] {
  const { before, after, images, omittedImages, durations, tasks } = comparison;
  const same = sectionsOf(comparison).flatMap(([name, lines]) => (lines.length === 0 ? [name] : []));
  const unread = images.flatMap((image) => image.unread);
  return [
    ...table([
      ["", "BEFORE", "AFTER"],
      ["run", nameOf(before), nameOf(after)],
      ["status", phaseText(before), phaseText(after)],
      ["created", timeText(before.createdAt) ?? NONE, timeText(after.createdAt) ?? NONE],
    ]),
    ...differenceLines(comparison),
    ...(durations.length === 0 ? [] : ["", "times", ...indented(table(durations.map(durationRow)))]),
    ...(tasks.length > 1 ? ["", "tasks, per action", ...indented(taskLines(tasks))] : []),
    "",
    ...(same.length > 0 ? [`the same: ${same.join(", ")}`] : []),
    ...(omittedImages > 0 ? [`not compared: ${omittedImages} more images`] : []),
    ...(unread.length > 0
      ? [`not known: what is in ${unread.map(plain).join(", ")}; boxkite images check IMAGE reads it`]
      : []),
  ];
}

/** Without names and times; each list with an empty line before it. */
export function differenceLines(comparison: Comparison): string[] {
  return sectionsOf(comparison).flatMap(([name, lines]) =>
    lines.length === 0 ? [] : ["", name, ...indented(lines)],
  );
}

function sectionsOf(comparison: Comparison): readonly (readonly [name: string, lines: string[]])[] {
  const { images, code, runtime, inputs, inputsNote, environment, settings } = comparison;
  const variables = environment.map(({ name, change }) => [plain(name), change]);
  return [
    ["images", images.flatMap((image, index) => [...(index === 0 ? [] : [""]), ...imageLines(image)])],
    ["code", changeLines(code)],
    ["runtime", changeLines(runtime)],
    ["inputs", [...changeLines(inputs), ...(inputsNote === undefined ? [] : [inputsNote])]],
    ["environment", bounded(table(variables), MAX_LINES)],
    ["settings", changeLines(settings)],
  ];
}

function imageLines({
  before,
  after,
  changes,
  layers,
  packages,
  omittedPackages,
}: ImageComparison): string[] {
  const names = before === after ? [before] : [before ?? NONE, "→", after ?? NONE];
  const shown = changes.filter(({ name }) => name !== "reference");
  return [
    names.map((name) => plain(name ?? "")).join(" "),
    ...indented([
      ...changeLines(shown),
      ...(layers === undefined
        ? []
        : [
            `layers  ${layers.same} the same, ${layers.removed.length} removed, ${layers.added.length} added (${bytesText(layers.addedBytes)})`,
          ]),
      ...(packages === undefined
        ? []
        : [`packages  ${packages.length} differ`, ...indented(changeLines(packages))]),
      ...(omittedPackages > 0 ? [`${omittedPackages} more packages are not compared`] : []),
    ]),
  ];
}

function changeLines(changes: readonly Change[]): string[] {
  const rows = changes.map(({ name, before, after, unit }) => {
    const folder = commonFolder(before, after);
    return [plain(name), valueText(before, unit, folder), "→", valueText(after, unit, folder)];
  });
  return bounded(table(rows), MAX_LINES);
}

/** Of two URIs: it says nothing of what differs. */
function commonFolder(before = "", after = ""): string {
  if (![before, after].every((value) => /^[a-z0-9]+:\/\//u.test(value))) return "";
  let length = 0;
  while (length < before.length && before[length] === after[length]) length++;
  return before.slice(0, before.lastIndexOf("/", length - 1) + 1);
}

function valueText(value: string | undefined, unit: Unit | undefined, folder: string): string {
  if (value === undefined) return NONE;
  if (folder !== "") return short(`…/${value.slice(folder.length)}`);
  if (unit === "bytes") return bytesText(Number(value));
  return unit === "ms" ? formatDuration(Number(value)) : short(value);
}

function durationRow({ name, beforeMs, afterMs }: DurationChange): string[] {
  return [name, durationText(beforeMs), "→", durationText(afterMs)];
}

function durationText(ms: number | undefined): string {
  return ms === undefined ? NONE : formatDuration(ms);
}

function taskLines(tasks: readonly TaskChange[]): string[] {
  const rows = tasks.map(({ task, before, after }) => {
    const each = (name: "queuedMs" | "runningMs") =>
      [before, after].map((totals) => totals && durationText(totals[name] / totals.actions));
    const pair = (values: readonly (string | undefined)[]) =>
      values.map((value) => value ?? NONE).join(" → ");
    return [
      plain(task),
      pair([before, after].map((totals) => totals && String(totals.actions))),
      pair([before, after].map((totals) => totals && String(totals.failed))),
      pair(each("queuedMs")),
      pair(each("runningMs")),
    ];
  });
  return bounded(table([["TASK", "ACTIONS", "FAILED", "QUEUED", "RUNNING"], ...rows]), MAX_LINES + 1);
}

function nameOf({ run, action, task }: ComparedAction): string {
  const name = action === ROOT_ACTION ? run : `${run}/${action}`;
  return task === undefined ? name : `${name} (${short(task)})`;
}

function phaseText({ phase }: ComparedAction): string {
  return phase.replaceAll("_", " ");
}

function table(rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : formatTable(rows).trimEnd().split("\n");
}
