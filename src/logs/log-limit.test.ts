import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createAttemptLogs } from "./attempt-logs.ts";

test("a log that is full drops further lines, and its last line counts them", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-logs-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const logs = createAttemptLogs(directory, 1_000);
  const key = { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 };
  const log = await logs.open(key);
  for (let n = 0; n < 100; n++) log.write("stdout", `line ${n} ${"x".repeat(40)}`, 1_000);
  await log.close();
  const lines = (await Array.fromAsync(logs.read(key, {}))).flat();
  const kept = lines.length - 1;
  assert.ok(kept > 0 && kept < 100);
  assert.deepEqual(
    [lines.at(-1)?.stream, lines.at(-1)?.text],
    ["system", `${100 - kept} more lines were dropped: a log keeps 1000 bytes`],
  );
});
