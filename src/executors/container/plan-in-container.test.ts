import assert from "node:assert/strict";
import { test } from "node:test";
import { adaptedAttempt } from "../../../test/helpers/adapted-attempt.ts";
import type { AttemptSpec } from "../executor.ts";
import { NO_POLICY } from "./confinement.ts";
import { planInContainer } from "./plan-in-container.ts";

test("containers that no socket or no file can be brought into have no workers", () => {
  const coldOf = (more: Partial<AttemptSpec>) => {
    const planned = planInContainer(adaptedAttempt(more), "one_shot", NO_POLICY);
    return "cold" in planned ? planned.cold : undefined;
  };
  assert.equal(coldOf({}), undefined);
  assert.equal(coldOf({ readOnlyRoot: true }), undefined);
  assert.equal(coldOf({ secretFiles: { "/s": "s" } }), undefined);
  assert.match(coldOf({ readOnlyRoot: true, secretFiles: { "/s": "s" } }) ?? "", /read-only/u);
  assert.match(coldOf({ ociRuntime: "runsc" }) ?? "", /runsc/u);
});
