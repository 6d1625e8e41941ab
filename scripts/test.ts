/**
 * Runs every test and closes with one line over all of them: `N passed, M failed, K skipped`.
 *
 *   node scripts/test.ts                  all groups
 *   node scripts/test.ts unit             one group
 *   node scripts/test.ts test/e2e/a.test.ts   single files
 */
import { join } from "node:path";
import { run } from "node:test";
import type { TestEvent } from "node:test/reporters";
import { planStages, type Stage } from "./testing/plan.ts";
import { createReport, seconds } from "./testing/report.ts";

/** Beyond this a test hangs; the page's own images take the longest. */
const TEST_TIMEOUT_MS = 30 * 60_000;
const ONE_PROCESS = join(import.meta.dirname, "testing/one-process.ts");

const root = join(import.meta.dirname, "..");
const report = createReport(root, console.log);
for (const stage of planStages(process.argv.slice(2), root)) {
  const started = Date.now();
  await runStage(stage);
  console.log(`-- ${stage.name}: ${seconds(Date.now() - started)}`);
}
process.exit(report.close() ? 0 : 1);

async function runStage({ processes, concurrency }: Stage): Promise<void> {
  const shared = processes.filter((files) => files.length > 1);
  const own = processes.filter((files) => files.length === 1).flat();
  await Promise.all([
    ...shared.map((files) => follow([ONE_PROCESS], 1, files.map(absolute))),
    ...(own.length > 0 ? [follow(own.map(absolute), concurrency)] : []),
  ]);
}

async function follow(files: string[], concurrency: number, argv: string[] = []): Promise<void> {
  const events = run({ files, argv, concurrency, timeout: TEST_TIMEOUT_MS });
  // What a test prints it prints for the reader: a table of what it saw.
  events.on("test:stdout", ({ message }) => process.stdout.write(message));
  events.on("test:stderr", ({ message }) => process.stderr.write(message));
  for await (const event of events) report.take(event as TestEvent);
}

function absolute(file: string): string {
  return join(root, file);
}
