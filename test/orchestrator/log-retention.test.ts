/** Old logs whose removal fails: on a real store and real files. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createLogRetention } from "../../src/orchestrator/log-retention.ts";
import { createLogger } from "../../src/lib/log.ts";
import { createAttemptLogs } from "../../src/logs/attempt-logs.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { orchestratorSubject } from "./subject.ts";
import { systemClock } from "../../src/lib/clock.ts";

const DAY_MS = 86_400_000;
const EXITED = { reason: "exited", exitCode: 0, outOfMemory: false } as const;

test("a run whose logs cannot be removed holds up no other, and is tried again in the next sweep", async (t) => {
  const executor = createFakeExecutor(({ observer }) => observer.ended(EXITED));
  const { createRun, reached, store } = await orchestratorSubject(t, { executor });
  const directory = await mkdtemp(join(tmpdir(), "boxkite-retention-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const logs = createAttemptLogs(directory);
  // More than one step of a sweep has, with the one that fails before all others.
  const names = ["stuck", ...Array.from({ length: 120 }, (_, n) => `run${n}`)];
  for (const name of names) await createRun(name);
  for (const name of names) await reached(name, "succeeded");

  let broken = true;
  const lines: string[] = [];
  const retention = createLogRetention({
    store,
    logs: {
      ...logs,
      removeRun: async (run) => {
        if (broken && run.run === "stuck") throw new Error("read-only file system");
        await logs.removeRun(run);
      },
    },
    keepDays: 30,
    clock: { ...systemClock, now: () => systemClock.now() + 31 * DAY_MS },
    log: createLogger({ format: "json", write: (line) => lines.push(line) }),
  });
  assert.equal(await retention.sweep(), names.length - 1);
  assert.equal(lines.filter((line) => /"run":"stuck".*read-only file system/u.test(line)).length, 1);
  broken = false;
  assert.equal(await retention.sweep(), 1);
});
