import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunEntry } from "../../domain/run-document.ts";
import { explanationText } from "./describe-explanation.ts";

const RUN: RunEntry = {
  project: "p",
  domain: "d",
  name: "red",
  status: "failed",
  startedBy: "alice",
  client: "",
  baseUri: "s3://b/p/d/runs/red",
  settings: {
    labels: {},
    annotations: {},
    overwriteCache: false,
    cacheOfSameProject: false,
    maxConcurrency: 0,
  },
};

test("an action that failed in a worker that had taken others names it", () => {
  const warm = { mode: "resident", pool: "5f2c", worker: "boxkite-w1", earlierAttempts: 3 } as const;
  const text = explanationText(
    { run: RUN, error: { code: "E", message: "m", kind: "user", recoverable: false }, warm },
    "page",
  );
  assert.match(text, /^started warm \(resident\): worker boxkite-w1 of pool 5f2c, after 3 other attempts$/mu);
  assert.match(text, /BOXKITE_WARM_START=off/u);
  assert.doesNotMatch(explanationText({ run: RUN }, "page"), /warm/u);
});
