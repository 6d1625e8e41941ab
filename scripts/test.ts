/**
 * Runs every test and closes with one line over all of them: `N passed, M failed, K skipped`.
 *
 *   node scripts/test.ts                  all stages
 *   node scripts/test.ts unit             one stage
 *   node scripts/test.ts test/e2e/a.test.ts   single files
 */
import { join } from "node:path";
import { run } from "node:test";
import type { TestEvent } from "node:test/reporters";
import { messageOf } from "../src/domain/errors.ts";
import { planStages, type Lane, type Stage } from "./testing/plan.ts";
import { createReport, seconds } from "./testing/report.ts";

/** Beyond this a test hangs; the page's own images take the longest. */
const TEST_TIMEOUT_MS = 30 * 60_000;
const ONE_PROCESS = join(import.meta.dirname, "testing/one-process.ts");

const root = join(import.meta.dirname, "..");
const report = createReport(root, console.log);
for (const stage of planStages(process.argv.slice(2), root)) {
  const started = Date.now();
  const tellTime = (name: string) => console.log(`-- ${name}: ${seconds(Date.now() - started)}`);
  prepare(stage);
  await Promise.all(
    stage.lanes.map(async (lane) => {
      await runLane(lane);
      if (stage.lanes.length > 1) tellTime(`${stage.name}, ${lane.name}`);
    }),
  );
  tellTime(stage.name);
}
process.exit(report.close() ? 0 : 1);

function prepare(stage: Stage): void {
  try {
    stage.prepare?.();
  } catch (error) {
    // Each test that needs it will say so, too.
    console.log(`${stage.name} is not prepared: ${messageOf(error)}`);
  }
}

async function runLane({ files, sharesProcess }: Lane): Promise<void> {
  const paths = files.map((file) => join(root, file));
  const events = sharesProcess
    ? run({ files: [ONE_PROCESS], argv: paths, timeout: TEST_TIMEOUT_MS })
    : run({ files: paths, concurrency: 1, timeout: TEST_TIMEOUT_MS });
  // What a test prints it prints for the reader: a table of what it saw.
  events.on("test:stdout", ({ message }) => process.stdout.write(message));
  events.on("test:stderr", ({ message }) => process.stderr.write(message));
  for await (const event of events) report.take(event as TestEvent);
}
