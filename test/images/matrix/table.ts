/** The table of docs/image-matrix.md: what is expected of each kind, which the test holds to what it sees. */
import type { Verdict } from "../../../src/images/check/verdict.ts";
import { KINDS, type Kind } from "./kinds.ts";
import { readSeconds } from "./seconds.ts";

const HEAD = ["image", "check", "run", "check, strict", "run, strict", "seconds", "Flyte 2"];

export function matrixTable(): string {
  const seconds = readSeconds();
  const rows = KINDS.map((kind) => rowOf(cellsOf(kind, seconds[kind.name])));
  return [rowOf(HEAD), `|${" --- |".repeat(HEAD.length)}`, ...rows].join("\n");
}

/** As the expectations have it. */
export function verdictText(verdict: Verdict): string {
  switch (verdict.kind) {
    case "as_is":
      return "as_is";
    case "adapted":
      return `adapted: ${verdict.adaptations.join(", ")}`;
    case "cannot":
    case "unchecked":
      return `${verdict.kind}: ${verdict.because.join(", ")}`;
  }
}

function cellsOf(kind: Kind, seconds: number | undefined): string[] {
  const { what, standInFor, image, podTemplate, expected, flyte } = kind;
  const first = standInFor === undefined ? what : `${what} (stand-in for ${standInFor})`;
  if (image.kind === "none")
    return [first, `*not run*: ${image.because}`, "*not run*", "*not run*", "*not run*", "", flyte];
  const { verdict, strictVerdict, limits = [], run, strictRun } = expected;
  const strictBut = limits.length === 0 || strictVerdict.startsWith("cannot") ? "" : `; but ${codes(limits)}`;
  return [
    podTemplate === undefined ? first : `${first}, by a pod template`,
    verdictCell(verdict),
    runCell(run),
    verdictCell(strictVerdict) + strictBut,
    runCell(strictRun),
    seconds === undefined ? "" : seconds < 0.1 ? "< 0.1" : seconds.toFixed(1),
    flyte,
  ];
}

function verdictCell(verdict: string): string {
  const [kind = "", rest = ""] = verdict.split(": ");
  switch (kind) {
    case "as_is":
      return "runs as it is";
    case "adapted":
      return `runs, adapted: ${rest}`;
    case "cannot":
      return `cannot run: ${codes(rest.split(", "))}`;
    default:
      return `was not checked: ${codes(rest.split(", "))}`;
  }
}

function runCell(outcome: string): string {
  return outcome === "runs" ? "succeeds" : `\`${outcome}\``;
}

function codes(all: readonly string[]): string {
  return all.map((code) => `\`${code}\``).join(", ");
}

function rowOf(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
