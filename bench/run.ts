/** `node bench/run.ts [OPTION…] [NAME…]`: runs the benchmarks, prints each row as it ends and all in one table. */
import { parseArgs } from "node:util";
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { BENCHMARKS, TOPICS } from "./benchmarks.ts";
import { circumstances, source } from "./helpers/circumstances.ts";
import type { Benchmark } from "./helpers/measure.ts";
import { runOne } from "./helpers/run-one.ts";
import { isDone, mergeRows, readResults, writeResults } from "./report/results.ts";
import { storedRow, type Circumstances, type StoredRow } from "./report/stored-row.ts";
import { formatRow, formatTable } from "./report/table.ts";

/** Above this, others use the machine: ratios still say something, figures do not. */
const QUIET_LOAD = 3;
const ROOT = join(import.meta.dirname, "..");
const USAGE = `node bench/run.ts [OPTION…] [NAME…]

  --quick        tiny counts: do they work? Their figures mean nothing
  --long         also those that take more than ten minutes
  --peers        also products of others, which bench/peers/install.ts installs
  --vendor DIR   also the vendor's own benchmark scripts: the directory that has its fanout.py
  --json         the rows as one JSON array at the end
  --write-docs   keep the rows in bench/results, and make docs/performance.md from them
  --resume       with --write-docs: leave out what is kept of the same program already
`;

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    long: { type: "boolean", default: false },
    peers: { type: "boolean", default: false },
    vendor: { type: "string" },
    json: { type: "boolean", default: false },
    "write-docs": { type: "boolean", default: false },
    resume: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

/** What the user gives by option: only that is there. */
const given = options.vendor === undefined ? {} : { vendor: resolve(options.vendor) };

interface Measured {
  readonly benchmark: Benchmark;
  readonly circumstances: Circumstances;
  readonly rows: readonly StoredRow[];
}

async function main(): Promise<number> {
  const mistake = mistakeIn();
  if (mistake !== undefined) process.stderr.write(`error: ${mistake}\n`);
  if (options.help || mistake !== undefined) {
    process.stdout.write(`${USAGE}\n${listOfBenchmarks()}`);
    return mistake === undefined ? 0 : 2;
  }
  // What users run is compiled; types in the sources would cost every start and its memory.
  const built = spawnSync(process.execPath, [join(ROOT, "scripts/build.ts")], { stdio: "inherit" });
  if (built.status !== 0) return 1;
  const measured: Measured[] = [];
  let failures = 0;
  for (const benchmark of chosen()) {
    const rows: StoredRow[] = [];
    const around = await circumstances(options.quick);
    const isComplete = await measure(benchmark, around, rows);
    if (!isComplete) failures++;
    if (rows.length > 0) measured.push({ benchmark, circumstances: around, rows });
    // After each one, so that nothing is lost where a later one, or the machine, fails.
    if (options["write-docs"] && rows.length > 0 && !keep(benchmark, around, rows, isComplete)) failures++;
  }
  const rows = measured.flatMap((each) => each.rows);
  if (options.json) process.stdout.write(`${JSON.stringify(rows)}\n`);
  else process.stdout.write(`\n${formatTable(rows, true)}\n\n${circumstancesOf(measured)}\n`);
  return failures > 0 ? 1 : 0;
}

function mistakeIn(): string | undefined {
  const unknown = wanted.find((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name));
  if (unknown !== undefined) return `there is no benchmark ${unknown}`;
  if (options.quick && options["write-docs"])
    return "figures of --quick mean nothing: leave out --write-docs";
  if (options.resume && !options["write-docs"]) return "--resume goes with --write-docs";
  return undefined;
}

function chosen(): readonly Benchmark[] {
  const named = BENCHMARKS.filter(({ name, isLong = false }) =>
    wanted.length > 0 ? wanted.includes(name) : options.long || !isLong,
  );
  if (!options.resume) return named;
  const program = source();
  return named.filter(({ name }) => !isDone(readResults(name), program, options.peers));
}

/** Adds the rows as they come; false where the benchmark failed. */
async function measure(benchmark: Benchmark, around: Circumstances, rows: StoredRow[]): Promise<boolean> {
  const say = (text: string) => process.stderr.write(`${benchmark.name}: ${text}\n`);
  try {
    const reason = await benchmark.missing?.(given);
    if (reason !== undefined) {
      say(`skipped: ${reason}`);
      return true;
    }
    await runOne(benchmark, {
      quick: options.quick,
      peers: options.peers,
      ...given,
      onRow: (row) => {
        const stored = storedRow(row, benchmark, around);
        rows.push(stored);
        process.stderr.write(`${formatRow(stored)}\n`);
      },
      say,
    });
    return true;
  } catch (error) {
    say(`failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    return false;
  }
}

/** False where the documentation could not be made from the results; they are kept all the same. */
function keep(
  { name }: Benchmark,
  { source: program }: Circumstances,
  rows: readonly StoredRow[],
  isComplete: boolean,
): boolean {
  const { peers } = options;
  writeResults(name, {
    ...(isComplete && { completed: { source: program, peers } }),
    rows: mergeRows(readResults(name).rows, rows, { isComplete, peers }),
  });
  const made = spawnSync(process.execPath, [join(ROOT, "scripts/gen-docs.ts")], { stdio: "inherit" });
  if (made.status === 0) return true;
  process.stderr.write(`${name}: its rows are kept, and docs/performance.md could not be made from them\n`);
  return false;
}

function listOfBenchmarks(): string {
  return TOPICS.map(({ title, benchmarks }) => {
    const lines = benchmarks.map(({ name, about, limitSeconds = 60, isLong = false }) => {
      const minutes = Math.ceil(limitSeconds / 60);
      return `  ${name.padEnd(13)} ${about} (at most ${minutes} min${isLong ? "; with --long" : ""})`;
    });
    return `${title}\n${lines.join("\n")}\n`;
  }).join("\n");
}

function circumstancesOf(measured: readonly Measured[]): string {
  const first = measured[0]?.circumstances;
  const loaded = measured.filter((each) => each.circumstances.load > QUIET_LOAD);
  return [
    ...(first === undefined ? ["nothing was measured"] : [`${first.machine}; ${first.versions}`]),
    ...measured.map(
      ({ benchmark, circumstances: { load, disk } }) =>
        `${benchmark.name}: load average ${load}, fdatasync p50 ${disk.p50Ms} ms, p99 ${disk.p99Ms} ms`,
    ),
    ...loaded.map(
      ({ benchmark }) =>
        `loaded: others used the machine when ${benchmark.name} began (quiet: ≤ ${QUIET_LOAD})`,
    ),
    ...(options.quick ? ["--quick: the figures mean nothing"] : []),
  ].join("\n");
}

process.exitCode = await main();
