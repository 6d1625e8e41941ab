import assert from "node:assert/strict";
import { test } from "node:test";
import { actionRecord } from "../../test/helpers/action-record.ts";
import type { ActionKind } from "../domain/action.ts";
import { encodeUpdate } from "./details.ts";

const EXPECTED = "s3://b/r/a/1";

test("an update names outputs that the SDK can read, and none of a trace that recorded none", () => {
  const uriOf = (kind: ActionKind, outputUri?: string) =>
    encodeUpdate(actionRecord(1, "a", { phase: "succeeded", outputUri }, { kind }), EXPECTED).outputUri;
  // As the SDK records a trace that returned nothing, or raised.
  assert.equal(uriOf("trace", ""), "");
  assert.equal(uriOf("trace", "s3://b/own"), "s3://b/own");
  assert.equal(uriOf("trace"), EXPECTED);
  // As a sleep has it: the SDK warns of an update without any.
  assert.equal(uriOf("task", ""), EXPECTED);
  assert.equal(uriOf("task", "s3://b/own"), "s3://b/own");
});
