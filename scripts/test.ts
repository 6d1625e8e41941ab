/**
 * Runs every test and closes with one line over all of them: `N passed, M failed, K skipped`.
 *
 *   node scripts/test.ts                  all groups
 *   node scripts/test.ts unit             one group
 *   node scripts/test.ts test/e2e/a.test.ts   single files
 */
import { globSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import type { EventData } from "node:test";

interface Group {
  readonly name: string;
  readonly pattern: string;
  /** Test files at the same time. Those that start servers and engines take the machine to themselves. */
  readonly concurrency: number;
}

const GROUPS: readonly Group[] = [
  { name: "unit", pattern: "{src,scripts}/**/*.test.ts", concurrency: 2 },
  { name: "integration", pattern: "test/**/*.test.ts", concurrency: 1 },
];
/** Beyond this a test hangs; the page's own images take the longest. */
const TEST_TIMEOUT_MS = 30 * 60_000;

const root = join(import.meta.dirname, "..");
const wanted = process.argv.slice(2);
const files = wanted.filter((name) => name.endsWith(".ts"));
const groups =
  files.length > 0
    ? files.map((file) => ({ name: file, pattern: file, concurrency: 1 }))
    : GROUPS.filter((group) => wanted.length === 0 || wanted.includes(group.name));

const totals = { passed: 0, failed: 0 };
const skipped: string[] = [];
const failures: string[] = [];

for (const group of groups) {
  const started = Date.now();
  await runGroup(group);
  console.log(`-- ${group.name}: ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

for (const failure of failures) console.log(`FAILED ${failure}`);
if (skipped.length > 0) console.log(`skipped:\n${skipped.map((line) => `  ${line}`).join("\n")}`);
console.log(`${totals.passed} passed, ${totals.failed} failed, ${skipped.length} skipped`);
process.exit(totals.failed > 0 || totals.passed === 0 ? 1 : 0);

async function runGroup(group: Group): Promise<void> {
  const found = globSync(group.pattern, { cwd: root }).toSorted();
  const stream = run({
    files: found.map((file) => join(root, file)),
    concurrency: group.concurrency,
    timeout: TEST_TIMEOUT_MS,
  });
  stream.on("test:pass", (event) => {
    if (event.skip !== undefined || event.todo !== undefined) {
      skipped.push(`${titleOf(event)}: ${String(event.skip ?? event.todo)}`);
      return;
    }
    if (isContainer(event)) return;
    totals.passed++;
    const ms = event.details.duration_ms;
    console.log(`ok   ${titleOf(event)}${ms > 1_000 ? ` (${(ms / 1000).toFixed(1)} s)` : ""}`);
  });
  stream.on("test:fail", (event) => {
    // A suite or file fails because something in it failed, which was counted.
    if (isContainer(event) && causeOf(event)?.includes("subtest") === true) return;
    totals.failed++;
    const title = titleOf(event);
    failures.push(`${title}: ${causeOf(event) ?? "no reason given"}`);
    console.log(`FAIL ${title}\n${causeOf(event) ?? ""}\n${stackOf(event)}`);
  });
  // What a test prints it prints for the reader: a table of what it saw.
  stream.on("test:stdout", ({ message }) => process.stdout.write(message));
  stream.on("test:stderr", ({ message }) => process.stderr.write(message));
  // Without a consumer the stream would stop.
  for await (const event of stream) void event;
}

function isContainer(event: EventData.TestPass | EventData.TestFail): boolean {
  return (event.details as { type?: string }).type === "suite" || event.name === event.file;
}

function titleOf(event: EventData.TestPass | EventData.TestFail): string {
  const file = (event.file ?? "").replace(`${root}/`, "");
  return event.name === event.file ? file : `${file} › ${event.name}`;
}

function causeOf(event: EventData.TestPass | EventData.TestFail): string | undefined {
  const error = (event.details as { error?: Error & { cause?: unknown } }).error;
  if (error === undefined) return undefined;
  return error.cause instanceof Error ? error.cause.message : error.message;
}

function stackOf(event: EventData.TestFail): string {
  const error = event.details.error as Error & { cause?: unknown };
  return error.cause instanceof Error ? (error.cause.stack ?? "") : (error.stack ?? "");
}
