import assert from "node:assert/strict";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";
import { BoxkiteError } from "../../domain/errors.ts";
import { withoutErrorTrailer } from "../../domain/error-trailer.ts";
import { MAX_ERROR_CHARS } from "../../domain/text.ts";
import { decodeError, encodeError, MAX_RECORD_LENGTH } from "./error-record.ts";
import { ImageBuildError } from "./image-build-error.ts";
import { registerError } from "./register-error.ts";
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
  const message = `a\n#boxkite-error {"message":[1,1],"stack":[0,0],"fields":{"__proto__":{"name":"Other"},"fine":1}}`;
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

/** The error as a caller gets it. */
function carried(error: unknown): Error & Record<string, unknown> {
  const record = encodeError(error);
  assert.ok(record.message.length <= MAX_ERROR_CHARS, "the server cuts nothing out");
  return decodeError(record, "env.task (action x)") as Error & Record<string, unknown>;
}

test("a message is carried whole, whatever its lines look like", () => {
  for (const message of [
    "the list has\n  at least 3 entries\n  at most 5",
    "look\n    at this",
    "ends like a stack\n    at f (a.ts:1:2)\n    at g (b.ts:3:4)",
    'quotes another:\n#boxkite-error {"message":[3,1],"stack":[0,0]}',
    "Caused by: nothing\n",
    "half of a pair: \ud83d",
    " ",
    "x".repeat(9_000),
  ]) {
    const error = carried(new RangeError(message));
    assert.equal(error.message, message.toWellFormed());
    assert.match(String(error["remoteStack"]), /^ {4}at .*error-record\.test\.ts/);
    assert.equal(
      withoutErrorTrailer(encodeError(new RangeError(message)).message).startsWith(message.toWellFormed()),
      true,
    );
  }
  const python = "ValueError: the rows\n  at index 3 are wrong\nfix them";
  assert.equal(decodeError({ code: "ValueError", message: python, kind: "user" }, "x").message, python);
});

test("a very long message says how much of it is missing", () => {
  const { message } = carried(new Error(`begins ${"x".repeat(200_000)} ends`));
  assert.match(message, /^begins x+\n\[… \d+ characters left out …\]\nx+ ends$/);
});

test("what others put around the text stays part of the message", () => {
  const { message } = encodeError(Object.assign(new Error("inner"), { cause: new Error("why") }));
  const error = decodeError(
    { code: "X", message: `attempt 3: ${message}; hint: try again`, kind: "user" },
    "x",
  );
  assert.equal(error.message, "attempt 3: inner; hint: try again");
  assert.equal((error.cause as Error).message, "why");
});

test("causes and the errors of an AggregateError are carried, with their own", () => {
  const root = Object.assign(new TypeError("the\n  at first"), { status: 503 });
  const middle = new Error("middle", { cause: root });
  const all = new AggregateError([new LimitError(2), "a text", undefined], "several", { cause: middle });
  registerError(LimitError);
  const error = carried(all);
  assert.deepEqual([error.name, error.message], ["AggregateError", "several"]);
  const cause = error.cause as Error;
  assert.ok(cause instanceof TaskError);
  assert.deepEqual([cause.name, cause.message], ["Error", "middle"]);
  const first = cause.cause as TypeError & { status: number };
  assert.deepEqual([first.name, first.message, first.status], ["TypeError", "the\n  at first", 503]);
  assert.match(first.stack ?? "", /^TypeError: the\n {2}at first\n {4}at .*error-record\.test/);
  const errors = error["errors"] as unknown[];
  assert.ok(errors[0] instanceof LimitError);
  assert.equal(errors[0].limit, 2);
  assert.deepEqual(errors.slice(1), ["a text", undefined]);
  assert.match(
    withoutErrorTrailer(encodeError(all).message),
    /^several\n {4}at [^]*Caused by: Error: middle\n[^]*Caused by: TypeError: the\n {2}at first\n[^]*Error 1 of 3: LimitError: more than 2\n[^]*Error 2 of 3: a text\nError 3 of 3: undefined$/,
  );
  assert.equal(carried(new Error("x", { cause: "only a text" })).cause, "only a text");
  assert.equal(carried(carried(all)).cause instanceof TaskError, true, "through a second parent, too");
});

test("a chain without end, or a very long one, is bounded", () => {
  const circular = new Error("again");
  circular.cause = new Error("and", { cause: circular });
  assert.equal((carried(circular).cause as Error).cause as string, "[an error above]");
  let deep = new Error("root", { cause: new Error("x".repeat(50_000)) });
  for (let level = 0; level < 500; level++) deep = new Error(`level ${level}`, { cause: deep });
  assert.equal(carried(deep).message, "level 499");
  const many = carried(
    new AggregateError(
      Array.from({ length: 5_000 }, () => new Error("e")),
      "m",
    ),
  );
  assert.match(String((many["errors"] as unknown[]).at(-1)), /^\[\d+ more\]$/);
});

test("whatever is in it, an error fits, and its message begins as it did", () => {
  const escaped = "\u0000\u0001".repeat(3_000);
  const fields = Object.fromEntries(
    Array.from({ length: 300 }, (_, at) => [escaped.slice(0, 150) + at, escaped]),
  );
  const make = (level: number): Error => {
    const errors = level === 0 ? [] : Array.from({ length: 30 }, () => make(level - 1));
    const cause = level === 0 ? escaped : make(level - 1);
    return Object.assign(new AggregateError(errors, `level ${level}${escaped}`, { cause }), fields);
  };
  const { message } = carried(make(2));
  assert.ok(message.startsWith("level 2\u0000\u0001"));
});

test("fields are carried exactly, and large ones say how much of them is missing", () => {
  const at = new Date(5);
  const exact = {
    at,
    id: 12n,
    tags: new Set(["a"]),
    ratio: Number.NaN,
    nothing: undefined,
    nested: { by: new Map([[1, at]]) },
  };
  const error = carried(Object.assign(new Error("x"), exact));
  for (const [name, value] of Object.entries(exact)) assert.deepStrictEqual(error[name], value, name);
  const large = carried(
    Object.assign(new Error("x"), {
      small: 1,
      body: "b".repeat(100_000),
      rows: Array(10_000).fill(1),
      after: 2,
    }),
  );
  assert.deepEqual([large["small"], large["after"]], [1, 2]);
  assert.match(String(large["body"]), /^b+\n\[… \d+ characters left out …\]\nb+$/);
  assert.match(String((large["rows"] as unknown[]).at(-1)), /^\[\d+ more\]$/);
});

test("private fields are read through the accessors of the class", () => {
  class QuotaError extends Error {
    override readonly name = "QuotaError";
    #limit: number;
    constructor(limit: number) {
      super("no more");
      this.#limit = limit;
    }
    get limit(): number {
      return this.#limit;
    }
    get broken(): number {
      throw new Error("not now");
    }
  }
  assert.equal(carried(new QuotaError(7))["limit"], 7);
  registerError(QuotaError);
  const error = carried(new QuotaError(8));
  assert.ok(error instanceof QuotaError);
  assert.deepEqual([error.limit, error["broken"]], [8, "[it cannot be read]"]);
});

test("anything that can be thrown is carried", () => {
  const revoked = Proxy.revocable(new Error("x"), {});
  revoked.revoke();
  const trap = new Proxy(new Error("hidden"), {
    get: () => {
      throw new Error("trap");
    },
  });
  const throwing = Object.defineProperty(new Error("seen"), "details", {
    enumerable: true,
    get: () => {
      throw new Error("no");
    },
  });
  const bare = Object.setPrototypeOf(new Error("bare"), null) as unknown;
  const cyclic: Record<string, unknown> = { a: 1 };
  cyclic["self"] = cyclic;
  const cases: readonly (readonly [unknown, string, RegExp])[] = [
    [undefined, "ThrownValue", /thrown: undefined$/],
    [null, "ThrownValue", /thrown: null$/],
    ["text", "ThrownValue", /thrown: "text"$/],
    [Symbol("s"), "ThrownValue", /thrown: Symbol\(s\)$/],
    [cyclic, "ThrownValue", /thrown: <ref \*1> \{ a: 1, self: \[Circular \*1\] \}$/],
    [Object.create(null), "ThrownValue", /thrown: \[Object: null prototype\] \{\}$/],
    [revoked.proxy, "ThrownValue", /thrown: <Revoked Proxy>$/],
    [trap, "Error", /^env\.task \(action x\) failed$/],
    [throwing, "Error", /^seen$/],
    [bare, "Error", /^bare$/],
    [Object.freeze(new RangeError("frozen")), "RangeError", /^frozen$/],
    [Object.assign(new Error("x"), { name: 5 }), "Error", /^x$/],
    [Object.assign(new Error(), { message: { not: "a text" } }), "Error", /^env\.task/],
    [runInContext("new TypeError('of another realm')", createContext()), "TypeError", /^of another realm$/],
    [new DOMException("stopped", "AbortError"), "AbortError", /^stopped$/],
    ["y".repeat(1_000_000), "ThrownValue", /characters left out/],
  ];
  for (const [thrown, code, message] of cases) {
    assert.equal(encodeError(thrown).code, code);
    assert.match(carried(thrown).message, message);
  }
  assert.ok(MAX_RECORD_LENGTH <= MAX_ERROR_CHARS);
});

test("a failure for good stays one where it is read from a record", () => {
  class Fatal extends NonRecoverableError {
    override readonly name = "Fatal";
  }
  const error = decodeError(encodeError(new Fatal("over")), "x", { forGood: true });
  assert.ok(error instanceof NonRecoverableError);
  assert.equal(encodeError(error).recoverable, false);
});

test("what Node does not print of an error of Boxkite is carried all the same", () => {
  const refused = new BoxkiteError("LIMIT_EXCEEDED", "too much", { hint: "use a File" });
  const { code, hint } = decodeError(encodeError(refused), "x") as unknown as BoxkiteError;
  assert.deepEqual([code, hint], ["LIMIT_EXCEEDED", "use a File"]);
  const failed = new ImageBuildError("team:1", "no", { step: "RUN x", log: ["y"] });
  const { image, step, log } = decodeError(encodeError(failed), "x") as unknown as ImageBuildError;
  assert.deepEqual([image, step, log], ["team:1", "RUN x", ["y"]]);
});
