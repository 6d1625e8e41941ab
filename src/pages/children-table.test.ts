import assert from "node:assert/strict";
import { test } from "node:test";
import { actionRecord } from "../../test/helpers/action-record.ts";
import { childrenTable } from "./children-table.ts";

test("a child that has not started has no duration, as in every other list", () => {
  const table = (startedAt: number | undefined) => {
    const action = actionRecord(2, "leaf", {
      phase: "queued",
      ...(startedAt !== undefined && { startedAt }),
    });
    const children = { parent: actionRecord(1, "a0"), calls: [{ action, text: "leaf()" }], next: undefined };
    return childrenTable(children, 5_001).toString();
  };
  assert.doesNotMatch(table(undefined), /class="duration"/u);
  assert.match(table(1_001), /class="duration" data-from="1001">4(?:\.0)? s</u);
});
