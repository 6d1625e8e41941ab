import type { AttemptExit } from "./attempt.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ActionError } from "./action.ts";
import { textOf } from "./errors.ts";
import { DISK_FULL_ANSWER, judge, MAX_ERROR_CHARS, shorten, type Written } from "./outcome.ts";

const IMAGE = "registry.example.com/team:1";
const NOTHING: Written = { kind: "nothing" };

function exited(exitCode: number, more: Partial<AttemptExit> = {}): AttemptExit {
  return { reason: "exited", exitCode, outOfMemory: false, ...more };
}

function written(code: string, message: string, whileLoading: boolean): Written {
  return { kind: "error", whileLoading, error: { code, message, kind: "user", recoverable: true } };
}

function errorOf(what: Written, ending: AttemptExit): ActionError {
  const outcome = judge(what, ending, IMAGE);
  assert.notEqual(outcome.kind, "succeeded");
  return (outcome as { error: ActionError }).error;
}

test("what the task wrote counts before how its process ended", () => {
  assert.deepEqual(judge({ kind: "outputs" }, exited(3), IMAGE), { kind: "succeeded" });
  assert.deepEqual(judge({ kind: "outputs" }, { reason: "lost", outOfMemory: false }, IMAGE), {
    kind: "succeeded",
  });
  assert.equal(
    errorOf(written("ValueError", "no", false), exited(137, { outOfMemory: true })).code,
    "ValueError",
  );
});

test("a process that ended without a word is explained by its exit code", () => {
  const rows: readonly [number, string, RegExp, boolean][] = [
    [0, "NoOutputs", /ENTRYPOINT of registry\.example\.com\/team:1 swallow/u, false],
    [126, "ENTRYPOINT_NOT_EXECUTABLE", /not executable/u, false],
    [127, "ENTRYPOINT_NOT_FOUND", /is flyte installed in registry\.example\.com\/team:1/u, false],
    [137, "Killed", /signal 9/u, true],
    [3, "ExitCode", /code 3/u, true],
  ];
  for (const [exitCode, code, message, recoverable] of rows) {
    const error = errorOf(NOTHING, exited(exitCode));
    assert.deepEqual([error.code, error.kind, error.recoverable], [code, "user", recoverable]);
    assert.match(textOf(error), message);
  }
  assert.equal(errorOf(NOTHING, exited(137, { outOfMemory: true })).code, "OOMKilled");
});

test("a lost attempt is the machinery's, a start that failed the image's", () => {
  const lost = judge(NOTHING, { reason: "lost", outOfMemory: false, code: "ENGINE_RESTARTED" }, IMAGE);
  assert.equal(lost.kind, "lost");
  assert.deepEqual(errorOf(NOTHING, { reason: "lost", outOfMemory: false }).kind, "system");
  const start = errorOf(NOTHING, {
    reason: "start_failed",
    outOfMemory: false,
    code: "IMAGE_USER_NOT_FOUND",
    message: "no user",
    hint: "give a number",
  });
  assert.deepEqual(
    [start.code, start.kind, start.message, start.hint, start.recoverable],
    ["IMAGE_USER_NOT_FOUND", "user", "no user", "give a number", false],
  );
});

test("a task that could not be loaded gets a hint, one that raised the same class does not", () => {
  const hinted = errorOf(written("ModuleNotFoundError", "No module named 'flow'", true), exited(1));
  assert.equal(hinted.message, "No module named 'flow'");
  assert.match(hinted.hint ?? "", /registry\.example\.com\/team:1.*PYTHONPATH/u);
  const own = errorOf(written("ModuleNotFoundError", "No module named 'pandas'", false), exited(0));
  assert.equal(textOf(own), "No module named 'pandas'");
  assert.match(
    errorOf(written("PermissionError", "[Errno 13] Permission denied: '.'", true), exited(1)).hint ?? "",
    /^the USER of .* may not write to its WORKDIR/u,
  );
});

test("an error code that every object has as a property gets no hint", () => {
  assert.equal(errorOf(written("constructor", "no", true), exited(1)).hint, undefined);
});

test("a task whose result was not taken for lack of room is not to blame", () => {
  const quoted = `Generic S3 error: 507: <Error>${DISK_FULL_ANSWER}<Message>its disk is full</Message></Error>`;
  const error = errorOf(written("GenericError", quoted, false), exited(0));
  assert.deepEqual([error.code, error.kind, error.recoverable], ["DISK_FULL", "system", false]);
  assert.match(textOf(error), /its disk is full.*hint: .*free some room/su);
});

test("a huge message keeps its head and its tail", () => {
  const huge = `head${"x".repeat(1_400_000)}tail`;
  const kept = shorten(huge);
  assert.ok(kept.length <= MAX_ERROR_CHARS);
  assert.match(kept, /^head.*\[… \d+ characters left out …\].*tail$/su);
  const left = Number(/… (\d+) characters/u.exec(kept)?.[1]);
  assert.ok(left > 1_380_000 && left < huge.length);
  assert.equal(shorten("short"), "short");
});
