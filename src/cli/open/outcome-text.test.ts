import assert from "node:assert/strict";
import { test } from "node:test";
import { exitCodeOf, outcomeText } from "./outcome-text.ts";

test("an outcome is said in words, and decides the exit code where the program ended well", () => {
  const error = { kind: "error", code: "ValueError", text: "no" } as const;
  const outputs = { kind: "outputs", values: [{ name: "o0", text: "3" }] } as const;
  assert.equal(outcomeText(error), "it failed: ValueError: no\n");
  assert.equal(outcomeText(outputs), "it succeeded:\n  o0 = 3\n");
  assert.equal(outcomeText({ kind: "outputs", values: [] }), "it succeeded, without outputs\n");
  assert.equal(outcomeText({ kind: "nothing" }), "it wrote no result\n");
  assert.deepEqual(
    [exitCodeOf(error, 0), exitCodeOf(outputs, 0), exitCodeOf({ kind: "nothing" }, 137)],
    [1, 0, 137],
  );
});
