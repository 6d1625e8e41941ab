import assert from "node:assert/strict";
import { test } from "node:test";
import { pollsAround, resultIn } from "./vendor-script.ts";

const line = (more: object) =>
  `SUBMITTED fanout x1\nRESULT_JSON:${JSON.stringify({ wall_seconds: 3.9, exec_seconds: 3, failed: 0, timed_out: false, ...more })}\n`;

test("the result is the line that a script ends with", () => {
  assert.deepEqual(resultIn(line({})), { wallSeconds: 3.9, execSeconds: 3 });
});

test("a script whose runs failed, or that could not submit them, has no result", () => {
  assert.throws(() => resultIn(line({ failed: 1 })), /the script failed/u);
  assert.throws(() => resultIn(line({ timed_out: true })), /the script failed/u);
  const error = 'RESULT_JSON:{"phase": "DRIVER_ERROR", "error": "ConnectError: refused"}';
  assert.throws(() => resultIn(error), /ConnectError: refused/u);
  assert.throws(() => resultIn("Traceback"), /printed no result\nTraceback/u);
});

test("what a poll found had ended between it and the one before", () => {
  const rounded = (seconds: number) => {
    const { after, until } = pollsAround(seconds);
    return [after.toFixed(1), until.toFixed(1)];
  };
  assert.deepEqual(rounded(0.1), ["0.0", "0.1"]);
  assert.deepEqual(rounded(3), ["0.0", "3.0"]);
  assert.deepEqual(rounded(18.7), ["12.0", "18.7"]);
  assert.deepEqual(rounded(67.9), ["52.7", "67.9"]);
  assert.deepEqual(rounded(82.9), ["67.7", "82.9"]);
});
