import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeDuration } from "./duration.ts";

test("a duration is sent to the nearest nanosecond, never with a whole second of them", () => {
  const cases: readonly [number | string, bigint, number][] = [
    ["1h30m", 5400n, 0],
    [1500, 1n, 500_000_000],
    [0.000_001, 0n, 1],
    // 8 s, as a sum of binary fractions has it.
    [(0.1 + 0.7) * 10 * 1000, 8n, 0],
    [999.999_999_9, 1n, 0],
    ["59.9999999999s", 60n, 0],
    [999.999_999, 0n, 999_999_999],
    // 10,000 years to the millisecond, where a number has no nanoseconds.
    [315_576_000_000_001, 315_576_000_000n, 1_000_000],
  ];
  for (const [duration, seconds, nanos] of cases) {
    const sent = encodeDuration(duration);
    assert.deepEqual([sent.seconds, sent.nanos], [seconds, nanos], String(duration));
  }
});
