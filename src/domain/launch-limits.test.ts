import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLaunchLimits, launchLimitsText } from "./launch-limits.ts";

test("what somebody has set stays; the rest are the server's defaults", () => {
  assert.deepEqual(defaultLaunchLimits({}, undefined), { _F_MAX_QPS: "1000", _F_P_CNC: "2500" });
  assert.deepEqual(defaultLaunchLimits({ _F_P_CNC: "7", OTHER: "x" }, undefined), { _F_MAX_QPS: "1000" });
  assert.deepEqual(defaultLaunchLimits({ _F_P_CNC: "7", _F_MAX_QPS: "" }, undefined), {});
});

test("a parent with little memory keeps as many live children as without the server's default", () => {
  assert.equal(defaultLaunchLimits({}, 512 * 2 ** 20 - 1)["_F_P_CNC"], "1000");
  assert.equal(defaultLaunchLimits({}, 512 * 2 ** 20)["_F_P_CNC"], "2500");
});

test("the limits are shown as they are in force", () => {
  const all = { ...defaultLaunchLimits({}, undefined), _F_MAX_QPS: "100" };
  assert.equal(launchLimitsText(all), "at most 100 launches a second, 2500 at a time");
  assert.equal(launchLimitsText({}), undefined);
});
