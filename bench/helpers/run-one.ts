/** Runs one benchmark within its time, and tidies up behind it, also where it failed. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { orAborted } from "../../src/lib/wait.ts";
import type { Benchmark, BenchContext, Row } from "./measure.ts";

export interface RunOptions {
  readonly quick: boolean;
  readonly peers: boolean;
  readonly vendor?: string;
  /** Called for each row as soon as it is known. */
  readonly onRow: (row: Row) => void;
  readonly say: (text: string) => void;
}

/** A round that has begun comes to its end within the rest of the time. */
const ROUNDS_SHARE = 0.7;
/** What takes so many times as long has got stuck: it fails, and the next benchmark begins. */
const STUCK_AFTER = 4;

export async function runOne(benchmark: Benchmark, options: RunOptions): Promise<void> {
  const { quick, peers, vendor, onRow, say } = options;
  const deferred: (() => unknown)[] = [];
  const limitMs = (benchmark.limitSeconds ?? 60) * 1_000;
  const context: BenchContext = {
    quick,
    peers,
    ...(vendor !== undefined && { vendor }),
    count: (full, small) => (quick ? small : full),
    row: onRow,
    defer: (work) => void deferred.push(work),
    deferToEnd: (work) => void deferred.unshift(work),
    directory: async () => {
      const directory = await mkdtemp(join(tmpdir(), "boxkite-bench-"));
      deferred.push(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
      return directory;
    },
    signal: AbortSignal.timeout(Math.round(limitMs * ROUNDS_SHARE)),
    say,
  };
  const started = performance.now();
  say(benchmark.about);
  try {
    const stuck = AbortSignal.timeout(limitMs * STUCK_AFTER);
    for (const row of await orAborted(benchmark.run(context), stuck)) onRow(row);
  } finally {
    for (const work of deferred.toReversed()) {
      await Promise.resolve()
        .then(work)
        .catch((error: unknown) => say(`could not tidy up: ${String(error)}`));
    }
    say(`took ${((performance.now() - started) / 1_000).toFixed(1)} s`);
  }
}
