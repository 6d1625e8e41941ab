import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, MAX_ERROR_CHARS, shorten, type Ending, type Written } from "./outcome.ts";

const exited = (exitCode: number, outOfMemory = false): Ending => ({
  reason: "exited",
  exitCode,
  outOfMemory,
});
const NOTHING: Written = { kind: "nothing" };

test("what the task wrote counts before how its process ended", () => {
  const error = { code: "ValueError", message: "no", kind: "user" as const, recoverable: true };
  assert.deepEqual(judge({ kind: "error", error }, exited(137, true), "image"), { kind: "failed", error });
  assert.deepEqual(judge({ kind: "outputs" }, exited(139), "image"), { kind: "succeeded" });
});

test("a task that was killed for its memory says so, and what to raise", () => {
  const outcome = judge(NOTHING, exited(137, true), "image");
  assert.ok(outcome.kind === "failed");
  assert.deepEqual(
    [outcome.error.code, outcome.error.kind, outcome.error.recoverable],
    ["OOMKilled", "user", true],
  );
  assert.match(outcome.error.message, /more memory than its limit.*resources=flyte\.Resources\(memory=/su);
});

test("each other end has a code of its own, and is tried again only where that can help", () => {
  const codes = [0, 126, 127, 137, 3].map((code) => {
    const outcome = judge(NOTHING, exited(code), "image");
    return outcome.kind === "succeeded" ? "" : `${outcome.error.code} ${outcome.error.recoverable}`;
  });
  assert.deepEqual(codes, [
    "NoOutputs false",
    "EntrypointNotFound false",
    "EntrypointNotFound false",
    "Killed true",
    "ExitCode true",
  ]);
});

test("an attempt that vanished is blamed on the machinery", () => {
  const outcome = judge(NOTHING, { reason: "lost", outOfMemory: false }, "image");
  assert.ok(outcome.kind === "lost");
  assert.deepEqual([outcome.error.code, outcome.error.kind], ["Interrupted", "system"]);
});

test("a long message keeps its head and its tail, and says how much is left out", () => {
  const message = `head${"x".repeat(100_000)}tail`;
  const short = shorten(message);
  assert.ok(short.length <= MAX_ERROR_CHARS);
  assert.match(short, /^head.*\[… \d+ characters left out …\].*tail$/su);
  assert.equal(shorten("short"), "short");
});
