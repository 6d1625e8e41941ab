import assert from "node:assert/strict";
import { test } from "node:test";
import { launchLimitsText, withLaunchLimits } from "./launch-limits.ts";

test("what a run sets itself stays; the rest are the server's defaults", () => {
  assert.deepEqual(withLaunchLimits({ _F_P_CNC: "7", OTHER: "x" }), {
    _F_MAX_QPS: "1000",
    _F_P_CNC: "7",
    OTHER: "x",
  });
});

test("the limits are shown as they are in force", () => {
  const all = { ...withLaunchLimits({}), _F_MAX_QPS: "100" };
  assert.equal(launchLimitsText(all), "at most 100 launches a second, 2500 at a time");
  assert.equal(launchLimitsText({}), undefined);
});
