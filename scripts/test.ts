/**
 * Runs the tests. The last line is a summary of all of them: `N passed, M failed, K skipped`.
 *
 *   node scripts/test.ts                      all stages
 *   node scripts/test.ts unit                 one stage
 *   node scripts/test.ts test/e2e/a.test.ts   single files
 */
import { join } from "node:path";
import { run } from "node:test";
import type { TestEvent } from "node:test/reporters";
import { messageOf } from "../src/domain/errors.ts";
import { planStages, type Job, type Stage } from "./testing/plan.ts";
import { createReport, seconds } from "./testing/report.ts";
import { workFromBothEnds } from "./testing/work.ts";

/** A test that takes longer hangs. Building the images of `page-pattern-2.test.ts` takes longest. */
const TIMEOUT_MS = 10 * 60_000;
const UNIT_TIMEOUT_MS = 2 * 60_000;
/** A test that hangs often leaves something behind that keeps its process alive. The process is ended then, and fails. */
const PROCESS_TIMEOUT_MS = 15 * 60_000;
const ONE_PROCESS = join(import.meta.dirname, "testing/one-process.ts");

const root = join(import.meta.dirname, "..");
const report = createReport(root, console.log);
for (const stage of planStages(process.argv.slice(2), root)) {
  const started = Date.now();
  prepare(stage);
  await workFromBothEnds(stage.jobs, runJob);
  console.log(`-- ${stage.name}: ${seconds(Date.now() - started)}`);
}
process.exit(report.close() ? 0 : 1);

function prepare(stage: Stage): void {
  try {
    stage.prepare?.();
  } catch (error) {
    // Each test that needs it fails with this error, too.
    console.log(`${stage.name} is not prepared: ${messageOf(error)}`);
  }
}

async function runJob({ files, sharesProcess }: Job): Promise<void> {
  const paths = files.map((file) => join(root, file));
  const signal = AbortSignal.timeout(PROCESS_TIMEOUT_MS);
  const events = sharesProcess
    ? run({ files: [ONE_PROCESS], argv: paths, timeout: UNIT_TIMEOUT_MS, signal })
    : run({ files: paths, concurrency: 1, timeout: TIMEOUT_MS, signal });
  // A test prints what its reader should see, such as a table of measurements.
  events.on("test:stdout", ({ message }) => process.stdout.write(message));
  events.on("test:stderr", ({ message }) => process.stderr.write(message));
  for await (const event of events) report.take(event as TestEvent);
}
