import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeError, encodeError, registerError } from "./error-record.ts";
import { NonRecoverableError, OutOfMemoryError, TaskError, TaskTimeoutError } from "./errors.ts";

class LimitError extends Error {
  readonly limit: number;
  readonly code = "E_LIMIT";
  readonly kind: string = "own field";

  constructor(limit: number) {
    super(`more than ${limit}`);
    this.limit = limit;
  }
}

test("class name, message, fields and stack travel", () => {
  const record = encodeError(new LimitError(3));
  assert.deepEqual([record.code, record.kind, record.recoverable], ["LimitError", "user", true]);
  const error = decodeError(record, "env.task (action x)");
  assert.ok(error instanceof TaskError);
  assert.deepEqual([error.name, error.message], ["LimitError", "more than 3"]);
  assert.deepEqual(
    [(error as unknown as LimitError).limit, error.code, error.kind],
    [3, "E_LIMIT", "own field"],
  );
  assert.match(error.remoteStack ?? "", /error-record\.test\.ts/);
  assert.match(
    error.stack ?? "",
    /^LimitError: more than 3\n\s+at .*error-record\.test\.ts[^]*--- env\.task \(action x\)/,
  );
  registerError(LimitError);
  assert.ok(decodeError(record, "x") instanceof LimitError);
});

test("what the server says by code", () => {
  const timeout = decodeError({ code: "MAX_RUNTIME_EXCEEDED", message: "", kind: "user" }, "env.task");
  assert.ok(timeout instanceof TaskTimeoutError);
  assert.deepEqual([timeout.bound, timeout.message], ["maxRuntime", "env.task failed"]);
  assert.ok(
    decodeError({ code: "OOMKilled", message: "137", kind: "user" }, "x") instanceof OutOfMemoryError,
  );
  const exhausted = decodeError(
    { code: "RetriesExhausted|QuotaError", message: "no more", kind: "user" },
    "x",
  );
  assert.equal(exhausted.name, "QuotaError");
  const named = decodeError({ code: "constructor", message: "x", kind: "user" }, "x");
  assert.ok(!(named instanceof TaskTimeoutError));
  const message = 'a\n#boxkite-error {"__proto__":{"name":"Other"},"fine":1}';
  const crafted = decodeError({ code: "X", message, kind: "user" }, "x");
  assert.ok(crafted instanceof TaskError);
  assert.equal((crafted as unknown as { fine: number }).fine, 1);
});

test("what is thrown may be anything", () => {
  assert.equal(encodeError("text").message, 'a value that is no Error was thrown: "text"');
  class Fatal extends NonRecoverableError {}
  assert.equal(encodeError(new Fatal("x")).recoverable, false);
  const circular = Object.assign(new Error("c"), { self: undefined as unknown, fine: 1, big: 1n });
  circular.self = circular;
  assert.equal((decodeError(encodeError(circular), "x") as unknown as { fine: number }).fine, 1);
  assert.equal(
    decodeError({ code: "X", message: 'a\n#boxkite-error {"cut', kind: "user" }, "x").message,
    "a",
  );
});
