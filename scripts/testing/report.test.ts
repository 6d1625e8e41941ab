import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { test } from "node:test";
import type { TestEvent } from "node:test/reporters";
import { createReport } from "./report.ts";

interface Ended {
  readonly name: string;
  readonly file?: string;
  readonly nesting?: number;
  readonly ms?: number;
  readonly skip?: string;
  readonly type?: "suite";
  readonly error?: Error;
}

/** The events that node:test sends when a test has ended. */
function ended({ name, file = "/r/a.test.ts", nesting = 0, ms = 1, skip, type, error }: Ended): TestEvent[] {
  const details = { duration_ms: ms, type, error, passed: error === undefined };
  const data = { name, file, nesting, details, ...(skip !== undefined && { skip }) };
  const kind = error === undefined ? "test:pass" : "test:fail";
  return [
    { type: "test:complete", data },
    { type: kind, data },
  ] as unknown as TestEvent[];
}

function reported(...tests: readonly Ended[]): { lines: string[]; ok: boolean } {
  const lines: string[] = [];
  const report = createReport("/r", (line) => lines.push(line));
  for (const event of tests.flatMap(ended)) report.take(event);
  return { ok: report.close(), lines };
}

test("each test has a line, and the last line counts them; suites and files are not counted", () => {
  const { ok, lines } = reported(
    { name: "inner", nesting: 1 },
    { name: "outer", ms: 1_500 },
    { name: "group", type: "suite" },
    { name: "/r/a.test.ts" },
  );
  assert.deepEqual(lines, [
    "ok   a.test.ts › inner",
    "ok   a.test.ts › outer (1.5 s)",
    "2 passed, 0 failed, 0 skipped",
  ]);
  assert.ok(ok);
});

test("what is skipped is listed with its reason", () => {
  const { ok, lines } = reported({ name: "one" }, { name: "two", skip: "no engine" });
  assert.deepEqual(lines.slice(1), [
    "skipped:\n  a.test.ts › two: no engine",
    "1 passed, 0 failed, 1 skipped",
  ]);
  assert.ok(ok);
});

test("a failure is reported with its cause, where it happens and at the end, and counted once", () => {
  const around = () => Object.assign(new Error("1 subtest failed"), { failureType: "subtestsFailed" });
  const cause = new Error("1 is not 2");
  const { ok, lines } = reported(
    { name: "bad", nesting: 1, error: new Error("test failed", { cause }) },
    { name: "parent", error: around() },
    { name: "group", type: "suite", error: around() },
    { name: "/r/a.test.ts", error: around() },
    { name: "other", file: "/r/b.test.ts", error: new Error("2 is not 3") },
  );
  assert.match(lines[0] ?? "", /^FAIL a\.test\.ts › bad\n1 is not 2\nError: 1 is not 2/u);
  assert.deepEqual(lines.slice(-3), [
    "FAILED a.test.ts › bad: 1 is not 2",
    "FAILED b.test.ts › other: 2 is not 3",
    "0 passed, 2 failed, 0 skipped",
  ]);
  assert.ok(!ok);
});

test("a file whose process fails is reported with the error that it threw, or its exit code", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-report-"));
  t.after(() => rm(directory, { recursive: true }));
  const files = [join(directory, "a.test.ts"), join(directory, "b.test.ts")] as const;
  await writeFile(files[0], `throw new Error("docker is missing", { cause: new Error("ENOENT") });`);
  await writeFile(files[1], "process.exit(3);");
  const root = join(import.meta.dirname, "../..");
  // With this variable node:test knows a process that it started, and starts no further ones in it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const args = [join(root, "scripts/test.ts"), ...files.map((file) => relative(root, file))];
  const { stdout, status } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
  assert.deepEqual(stdout.trim().split("\n").slice(-3), [
    `FAILED ${relative(root, files[0])}: docker is missing`,
    `FAILED ${relative(root, files[1])}: the process ended with exit code 3`,
    "0 passed, 2 failed, 0 skipped",
  ]);
  assert.equal(status, 1);
});

test("the slowest files come first, by the duration of their process, or of their tests where they share one", () => {
  const { lines } = reported(
    { name: "inner", file: "/r/b.test.ts", nesting: 1, ms: 9_000 },
    { name: "one", file: "/r/b.test.ts", ms: 1_000 },
    { name: "two", file: "/r/b.test.ts", ms: 1_000 },
    { name: "of many files", file: "/r/suite.ts", ms: 9_000 },
    { name: "one", file: "/r/a.test.ts", ms: 1_000 },
    { name: "/r/a.test.ts", file: "/r/a.test.ts", ms: 2_500 },
  );
  const start = lines.indexOf("slowest files:");
  assert.deepEqual(lines.slice(start + 1, -1), ["     2.5 s  a.test.ts", "     2.0 s  b.test.ts"]);
});

test("a run in which nothing passed is no success", () => {
  assert.ok(!reported().ok);
});
