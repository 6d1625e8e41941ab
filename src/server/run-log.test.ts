import assert from "node:assert/strict";
import { test } from "node:test";
import { actionRecord } from "../../test/helpers/action-record.ts";
import { recordingLogger } from "../../test/helpers/recording-logger.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import type { ActionState } from "../domain/action.ts";
import type { OnChange } from "../store/reader.ts";
import { logRuns } from "./run-log.ts";

function setup() {
  const { log, lines } = recordingLogger();
  const clock = steppedClock();
  let listener: OnChange | undefined;
  const store = {
    onChange: (on: OnChange) => {
      listener = on;
      return () => (listener = undefined);
    },
  };
  const stop = logRuns({ store, clock, log, origin: () => "http://localhost:1" });
  const change = (id: number, version: number, state: Partial<ActionState> = {}, parent?: string) => {
    const key = { project: "p", domain: "d", run: `r${id}`, action: parent === undefined ? "a0" : "child" };
    listener?.([actionRecord(id, "a0", state, { key, parent, version, taskName: "env.main" })]);
  };
  return { change, clock, lines, stop };
}

const url = (run: string) => `http://localhost:1/v2/domain/d/project/p/runs/${run}`;

test("a run is one line at its start and one at its end, with its page; its actions are none", () => {
  const { change, lines } = setup();
  change(1, 1);
  change(2, 1, {}, "a0");
  change(1, 2, { phase: "running" });
  change(1, 3, { phase: "succeeded", createdAt: 1_000, endedAt: 3_240 });
  change(1, 4, { phase: "succeeded", createdAt: 1_000, endedAt: 3_240 });
  assert.deepEqual(lines, [
    { level: "info", message: "run started", run: "r1", task: "env.main", url: url("r1") },
    { level: "info", message: "run succeeded", run: "r1", seconds: 2.2, url: url("r1") },
  ]);
});

test("the line of a failed run has the error's first line, that of an aborted one the reason", () => {
  const { change, lines } = setup();
  change(1, 5, {
    phase: "failed",
    error: { code: "ValueError", kind: "user", recoverable: true, message: "x is too small\nline 2" },
  });
  change(2, 5, { phase: "aborted", abortReason: "lunch time" });
  assert.deepEqual(
    lines.map(({ message, error, reason }) => [message, error ?? reason]),
    [
      ["run failed", "ValueError: x is too small"],
      ["run aborted", "lunch time"],
    ],
  );
});

test("a condition that waits for somebody is a line, with the page of its form", () => {
  const { change, lines } = setup();
  change(1, 1, { phase: "paused" }, "a0");
  change(1, 2, { phase: "succeeded" }, "a0");
  assert.deepEqual(
    lines.map(({ message, url: page }) => [message, page]),
    [["a condition waits for an answer", `${url("r1")}?i=child`]],
  );
});

test("many runs are counted", async () => {
  const { change, clock, lines, stop } = setup();
  for (let id = 1; id <= 1_000; id++) change(id, 1);
  change(1, 2, { phase: "failed" });
  assert.equal(lines.length, 20);
  await clock.step(10_000);
  assert.deepEqual(lines.slice(20), [{ level: "info", message: "further runs", started: 980, failed: 1 }]);
  change(2, 2, { phase: "timed_out" });
  assert.equal(lines.at(-1)?.["message"], "run timed out");
  stop();
  change(2_000, 1);
  assert.equal(lines.length, 22);
});
