/** The part of docs/performance.md that is made from the results, and the pictures in it. */
import { TOPICS } from "../benchmarks.ts";
import type { Benchmark, Conditions } from "../helpers/measure.ts";
import { goalChart } from "./bar-chart.ts";
import { scalingChart } from "./line-chart.ts";
import { readResults } from "./results.ts";
import type { Circumstances, StoredRow } from "./stored-row.ts";
import { formatTable } from "./table.ts";

export interface Performance {
  readonly text: string;
  /** By the name of the file beside the page. */
  readonly pictures: ReadonlyMap<string, string>;
}

/** The folder of the pictures, beside docs/performance.md. */
export const PICTURES = "performance";

interface Measured {
  readonly benchmark: Benchmark;
  readonly rows: readonly StoredRow[];
}

export type RowsOf = (benchmark: string) => readonly StoredRow[];

export function performancePage(rowsOf: RowsOf = (name) => readResults(name).rows): Performance {
  const pictures = new Map<string, string>();
  const add = (name: string, alt: string, svg: string | undefined): string[] => {
    if (svg === undefined) return [];
    const file = `${PICTURES}/${fileName(name)}.svg`;
    pictures.set(file, svg);
    return [`![${alt}](${file})`];
  };
  const missing: string[] = [];
  const sections = TOPICS.flatMap(({ title, benchmarks }) => {
    const every = benchmarks.map((benchmark) => ({ benchmark, rows: rowsOf(benchmark.name) }));
    const measured = every.filter(({ rows }) => rows.length > 0);
    for (const { benchmark, rows } of every) if (rows.length === 0) missing.push(`\`${benchmark.name}\``);
    if (measured.length === 0) return [];
    const all = measured.flatMap(({ rows }) => rows);
    const charts = Map.groupBy(
      all.filter(({ point }) => point !== undefined),
      ({ point }) => point?.chart ?? "",
    );
    return [
      [
        `## ${title}`,
        ...add(title, `Goals: ${title}`, goalChart(title, all)),
        ...[...charts].flatMap(([chart, rows]) => add(chart, chart, scalingChart(chart, rows))),
        ...measured.flatMap(sectionOf),
      ].join("\n\n"),
    ];
  });
  if (missing.length > 0) sections.push(`Not measured here: ${missing.join(", ")}.`);
  return { text: sections.join("\n\n"), pictures };
}

function sectionOf({ benchmark, rows }: Measured): string[] {
  const heading = `### \`${benchmark.name}\`: ${benchmark.about}`;
  return [heading, formatTable(rows, false), conditionsOf(rows), circumstancesOf(rows)];
}

/** What each side promises: said once where it is the same for all rows. */
function conditionsOf(rows: readonly StoredRow[]): string {
  const sides = [
    ...rows.map(({ conditions }) => lineOf("ours", conditions)),
    ...rows.flatMap(({ floor, floorConditions }) =>
      floor === undefined || floorConditions === undefined ? [] : [lineOf(floor.what, floorConditions)],
    ),
  ];
  return [...new Set(sides)].join("\n");
}

function lineOf(side: string, { durability, isolation }: Conditions): string {
  return `- *${side}*: durability: ${durability}; isolation: ${isolation}.`;
}

function circumstancesOf(rows: readonly StoredRow[]): string {
  const groups = Map.groupBy(rows, ({ measured }) => JSON.stringify(measured));
  const lines = [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const whose = groups.size === 1 ? "" : `: ${group.map(({ measure }) => measure).join("; ")}`;
    return [`${sentenceOf(first.measured)}${whose}`];
  });
  return lines.join("\n\n");
}

function sentenceOf({ at, machine, versions, source, load, disk }: Circumstances): string {
  const day = at.slice(0, 16).replace("T", " ");
  return (
    `Measured ${day} UTC on ${machine}; ${versions}; program ${programOf(source)}; load average ${load}; ` +
    `fdatasync of 4 KiB p50 ${disk.p50Ms} ms, p99 ${disk.p99Ms} ms`
  );
}

/** The tree in short, and whether it had changes. */
function programOf(source: string): string {
  return source.replace(/^([0-9a-f]{12})[0-9a-f]+/u, "$1");
}

function fileName(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/gu, "-")
    .replaceAll(/^-|-$/gu, "");
}
