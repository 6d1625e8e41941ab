import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_QUOTAS } from "../domain/quotas.ts";
import { readQuotas } from "./quota-settings.ts";

test("quotas that are not set have their defaults", () => {
  assert.deepEqual(readQuotas(undefined), DEFAULT_QUOTAS);
  assert.deepEqual(readQuotas({ "live-runs": 5, "calls-per-second": 100, "stored-gib": 2 }), {
    ...DEFAULT_QUOTAS,
    liveRuns: 5,
    callsPerSecond: 100,
    storedBytes: 2 * 1024 ** 3,
  });
});

test("an error names the setting", () => {
  const mistakes: readonly [section: unknown, message: RegExp][] = [
    [[1], /^quotas is not a mapping/u],
    [{ runs: 1 }, /^quotas has unknown settings: runs/u],
    [{ depth: 0 }, /^quotas: depth is 0; it must be a whole number from 1/u],
    [{ "calls-per-second": "many" }, /^quotas: calls-per-second is "many"/u],
  ];
  for (const [section, message] of mistakes)
    assert.throws(() => readQuotas(section), { code: "CONFIG_INVALID", message });
});
