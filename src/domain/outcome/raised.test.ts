import assert from "node:assert/strict";
import { test } from "node:test";
import { raisedIn } from "./raised.ts";

test("the last traceback counts, with the frame that is nearest to the exception", () => {
  const log = [
    "Traceback (most recent call last):",
    '  File "/a.py", line 1, in first',
    "KeyError: 'x'",
    "",
    "During handling of the above exception, another exception occurred:",
    "",
    "Traceback (most recent call last):",
    '  File "/w/b.py", line 2, in second',
    "    raise pkg.errors.TeamError('no')",
    "    ~~~~~^^^^",
    "pkg.errors.TeamError: no",
    "a second line of its message",
  ];
  assert.deepEqual(raisedIn(log), { name: "TeamError", message: "no", at: "b.py:2, in second" });
});

test("flyte's own traceback, and an exception without a message", () => {
  const log = ["Filtered traceback (most recent call last):", "AssertionError", ""];
  assert.deepEqual(raisedIn(log), { name: "AssertionError", message: "", at: undefined });
});

test("a traceback long before the end was handled", () => {
  const log = [
    "Traceback (most recent call last):",
    "ValueError: no",
    ...Array.from({ length: 60 }, () => "on"),
  ];
  assert.equal(raisedIn(log), undefined);
  assert.equal(raisedIn(["no traceback", "ValueError: no"]), undefined);
  assert.equal(raisedIn(["Traceback (most recent call last):", '  File "/a.py", line 1']), undefined);
});

test("an error that Node prints, with its frame", () => {
  const log = [
    "/w/a.ts:1",
    "",
    "Error [ERR_X]: no",
    "    at run (file:///w/a.ts:3:7)",
    "",
    "Node.js v24.1.0",
  ];
  assert.deepEqual(raisedIn(log), { name: "Error", message: "no", at: "a.ts:3, in run" });
});

test("a long message is cut", () => {
  const log = ["Traceback (most recent call last):", `ValueError: ${"x".repeat(5_000)}`];
  assert.equal(raisedIn(log)?.message.length, 600);
});
