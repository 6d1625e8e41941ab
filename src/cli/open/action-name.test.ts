import assert from "node:assert/strict";
import { test } from "node:test";
import { BoxkiteError } from "../../domain/errors.ts";
import { parseActionName } from "./action-name.ts";

test("an action is named by its run and its own name, a run's root by the run", () => {
  assert.deepEqual(parseActionName("r1/abc", "shell"), { run: "r1", action: "abc" });
  assert.deepEqual(parseActionName("r1", "shell"), { run: "r1", action: "a0" });
  for (const text of [undefined, "", "/", "r1/", "/a0", "r1/a0/1"])
    assert.throws(
      () => parseActionName(text, "shell"),
      (error: unknown) =>
        error instanceof BoxkiteError &&
        error.code === "CONFIG_INVALID" &&
        error.hint?.startsWith("boxkite shell RUN/ACTION") === true,
      text,
    );
});
