import assert from "node:assert/strict";
import { test } from "node:test";
import { describeWarmStart, followsOthers } from "./describe-warm-start.ts";

const WARM = { mode: "fork", pool: "5f2c", worker: "w1", earlierAttempts: 3 } as const;

test("a warm start is described by its mode, worker and what that had taken before", () => {
  assert.equal(describeWarmStart(WARM), "warm (fork): worker w1 of pool 5f2c, after 3 other attempts");
  assert.match(
    describeWarmStart({ ...WARM, mode: "resident", earlierAttempts: 1 }),
    /after 1 other attempt$/u,
  );
  assert.match(describeWarmStart({ ...WARM, earlierAttempts: 0 }), /, its first attempt$/u);
  assert.equal(
    describeWarmStart({ ...WARM, mode: "one_shot", earlierAttempts: 0 }),
    "warm (one-shot): worker w1 of pool 5f2c",
  );
});

test("only an attempt in a worker that had others follows them", () => {
  assert.equal(followsOthers(WARM), true);
  assert.equal(followsOthers({ ...WARM, earlierAttempts: 0 }), false);
  assert.equal(followsOthers({ ...WARM, mode: "one_shot" }), false);
});
