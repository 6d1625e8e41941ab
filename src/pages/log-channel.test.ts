import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { silentLogger } from "../lib/log.ts";
import type { AttemptLogs } from "../logs/attempt-logs.ts";
import { LogChannel } from "./log-channel.ts";

const ACTION = { project: "p", domain: "development", run: "r1", action: "a0" } as const;

/** A channel, and what it delivered. */
function channel(followEnd: AttemptLogs["followEnd"]) {
  const got: string[] = [];
  const clock = steppedClock();
  const log = new LogChannel({
    logs: { followEnd } as AttemptLogs,
    clock,
    log: silentLogger,
    action: ACTION,
    seen: { attempt: 0, position: 0 },
    signal: new AbortController().signal,
    deliver: async (attempt, { start, end, lines }) =>
      void got.push(`${attempt}: ${start} to ${end}, ${lines.length} lines`),
    failed: async ({ reason }) => void got.push(`failed: ${reason}`),
  });
  return { log, got, clock };
}

test("an attempt begins with an empty log, and a complete one is not read again", async () => {
  const asked: string[] = [];
  const { log, got, clock } = channel(async function* ({ attempt }, after) {
    asked.push(`${attempt} after ${after}`);
    const line = { at: 0, atMs: 0, stream: "stdout", text: "" } as const;
    yield { lines: [line], start: after, end: after + 10, isEnd: true, size: 10 };
  });
  const shown = async () => {
    await clock.step(1_000);
    await log.following;
  };
  log.show(1, false);
  await shown();
  log.show(1, true);
  await shown();
  assert.equal(log.isComplete, true);
  log.show(1, true);
  assert.equal(log.following, undefined);
  log.show(2, false);
  await shown();
  assert.deepEqual(asked, ["1 after 0", "1 after 10", "2 after 0"]);
  assert.deepEqual(got, [
    "1: 0 to 0, 0 lines",
    "1: 0 to 10, 1 lines",
    "1: 10 to 20, 1 lines",
    "2: 0 to 0, 0 lines",
    "2: 0 to 10, 1 lines",
  ]);
});

test("a log that cannot be read is reported to the page", async () => {
  // oxlint-disable-next-line require-yield -- it fails before
  const { log, got } = channel(async function* () {
    throw new Error("EIO");
  });
  log.show(1, true);
  await log.following;
  assert.deepEqual(got, ["1: 0 to 0, 0 lines", "failed: EIO"]);
});
