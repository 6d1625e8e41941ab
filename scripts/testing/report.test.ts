import assert from "node:assert/strict";
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

/** The events of a test that ended, as node:test sends them. */
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

test("each test has a line, and the last one counts them; suites and files count as nothing", () => {
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

test("a failure is told by its cause, where it happens and at the end; those around it are no further ones", () => {
  const cause = new Error("1 is not 2");
  const { ok, lines } = reported(
    { name: "bad", error: new Error("test failed", { cause }) },
    { name: "group", type: "suite", error: new Error("1 subtest failed") },
    { name: "/r/a.test.ts", error: new Error("1 subtest failed") },
    { name: "/r/b.test.ts", file: "/r/b.test.ts", error: new Error("exit code 3") },
  );
  assert.match(lines[0] ?? "", /^FAIL a\.test\.ts › bad\n1 is not 2\nError: 1 is not 2/u);
  assert.deepEqual(lines.slice(-3), [
    "FAILED a.test.ts › bad: 1 is not 2",
    "FAILED b.test.ts: exit code 3",
    "0 passed, 2 failed, 0 skipped",
  ]);
  assert.ok(!ok);
});

test("the slowest files come first: by their process, or by their tests in one that is shared", () => {
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

test("nothing that passed is no success", () => {
  assert.ok(!reported().ok);
});
