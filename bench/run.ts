/** `node bench/run.ts [--quick] [--json] [NAME…]`: runs the benchmarks and prints one table. */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fdatasyncMs } from "./helpers/disk.ts";
import type { Benchmark, BenchContext, Row } from "./helpers/measure.ts";
import { quantile } from "./helpers/stats.ts";
import { formatTable } from "./helpers/table.ts";
import { audit } from "./measures/audit.ts";
import { builds } from "./measures/builds.ts";
import { callers } from "./measures/callers.ts";
import { codeBundle } from "./measures/code-bundle.ts";
import { codeChange } from "./measures/code-change.ts";
import { container } from "./measures/container.ts";
import { enqueue } from "./measures/enqueue.ts";
import { fanout } from "./measures/fanout.ts";
import { imageCheck } from "./measures/image-check.ts";
import { list } from "./measures/list.ts";
import { logs } from "./measures/logs.ts";
import { networks } from "./measures/networks.ts";
import { objects } from "./measures/objects.ts";
import { runs } from "./measures/runs.ts";
import { start } from "./measures/start.ts";
import { timers } from "./measures/timers.ts";
import { typescript } from "./measures/typescript.ts";
import { watch } from "./measures/watch.ts";
import { watchers } from "./measures/watchers.ts";
import { zeroBuild } from "./measures/zero-build.ts";

const BENCHMARKS: readonly Benchmark[] = [
  start,
  enqueue,
  callers,
  audit,
  watch,
  watchers,
  container,
  networks,
  builds,
  codeChange,
  codeBundle,
  imageCheck,
  zeroBuild,
  fanout,
  list,
  runs,
  objects,
  logs,
  timers,
  typescript,
];
/** Above this, others use the machine: ratios still say something, figures do not. */
const QUIET_LOAD = 3;

interface Measured {
  readonly benchmark: string;
  readonly load: number;
  readonly loaded: boolean;
  readonly rows: readonly Row[];
}

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean" }, json: { type: "boolean" }, help: { type: "boolean", short: "h" } },
});

async function main(): Promise<number> {
  const unknown = wanted.filter((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name));
  if (options.help || unknown.length > 0) {
    for (const name of unknown) process.stderr.write(`error: there is no benchmark ${name}\n`);
    process.stdout.write("node bench/run.ts [--quick] [--json] [NAME…]\n\n");
    for (const { name, about } of BENCHMARKS) process.stdout.write(`  ${name.padEnd(10)} ${about}\n`);
    return unknown.length > 0 ? 2 : 0;
  }
  const chosen = BENCHMARKS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  const measured: Measured[] = [];
  let failures = 0;
  for (const benchmark of chosen) {
    const load = loadavg()[0] ?? 0;
    try {
      const why = await benchmark.missing?.();
      if (why !== undefined) {
        say(benchmark.name, `skipped: ${why}`);
        continue;
      }
      const rows = await runOne(benchmark);
      measured.push({ benchmark: benchmark.name, load, loaded: load > QUIET_LOAD, rows });
    } catch (error) {
      failures++;
      say(
        benchmark.name,
        `failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
  }
  const disk = await measureDisk();
  if (options.json) process.stdout.write(`${JSON.stringify({ node: process.version, disk, measured })}\n`);
  else process.stdout.write(report(measured, disk));
  return failures > 0 ? 1 : 0;
}

async function runOne(benchmark: Benchmark): Promise<readonly Row[]> {
  const deferred: (() => unknown)[] = [];
  const limitMs = (benchmark.limitSeconds ?? 60) * 1_000;
  const quick = options.quick === true;
  const context: BenchContext = {
    quick,
    count: (full, small) => (quick ? small : full),
    defer: (work) => void deferred.push(work),
    directory: async () => {
      const directory = await mkdtemp(join(tmpdir(), "boxkite-bench-"));
      deferred.push(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
      return directory;
    },
    // Somewhat before the limit, so that what is under way comes to its end.
    signal: AbortSignal.timeout(Math.round(limitMs * 0.7)),
    say: (text) => say(benchmark.name, text),
  };
  const started = performance.now();
  context.say(benchmark.about);
  try {
    return await benchmark.run(context);
  } finally {
    for (const work of deferred.toReversed()) {
      await Promise.resolve(work()).catch((error: unknown) => context.say(`not tidied up: ${String(error)}`));
    }
    context.say(`took ${((performance.now() - started) / 1_000).toFixed(1)} s`);
  }
}

function say(name: string, text: string): void {
  process.stderr.write(`${name}: ${text}\n`);
}

interface Disk {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function measureDisk(): Promise<Disk> {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-bench-"));
  const times = fdatasyncMs(directory, options.quick ? 20 : 300);
  await rm(directory, { recursive: true });
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
}

function report(measured: readonly Measured[], disk: Disk): string {
  const loads = measured.filter(({ loaded }) => loaded);
  return [
    "",
    formatTable(measured.flatMap(({ rows, loaded }) => rows.map((row) => ({ row, loaded })))),
    "",
    `Node ${process.version}, ${cpus().length} processors, fdatasync p50 ${disk.p50Ms.toFixed(2)} ms, p99 ${disk.p99Ms.toFixed(2)} ms`,
    ...loads.map(
      ({ benchmark, load }) =>
        `~ loaded: ${benchmark} began at a load average of ${load.toFixed(1)} (quiet: ≤ ${QUIET_LOAD})`,
    ),
    ...(options.quick ? ["--quick: the figures mean nothing"] : []),
    "",
  ].join("\n");
}

process.exitCode = await main();
