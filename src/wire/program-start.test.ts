import assert from "node:assert/strict";
import { test } from "node:test";
import { assertAuthorsWords } from "../../test/helpers/authors-words.ts";
import { create } from "@bufbuild/protobuf";
import type { BoxkiteError } from "../domain/errors.ts";
import { KeyValuePairSchema } from "./gen/flyteidl2/core/literals_pb.js";
import { decodeVariables, decodeWords, MAX_STRING_BYTES, requireStartable } from "./program-start.ts";

const variables = (pairs: Readonly<Record<string, string>>) =>
  decodeVariables(
    Object.entries(pairs).map(([key, value]) => create(KeyValuePairSchema, { key, value })),
    "task t",
  );

function refused(work: () => unknown): BoxkiteError {
  let thrown: unknown;
  assert.throws(work, (error) => {
    thrown = error;
    return true;
  });
  assertAuthorsWords(thrown);
  return thrown;
}

test("a variable has at most 128 KiB with its name and its end, in bytes", () => {
  const most = "x".repeat(MAX_STRING_BYTES - "BIG=".length);
  assert.equal(variables({ BIG: most })["BIG"], most);
  const error = refused(() => variables({ SMALL: "1", BIG: `${most}x` }));
  assert.equal(error.code, "LIMIT_EXCEEDED");
  assert.equal(
    error.message,
    'the environment variable "BIG" of task t has 131,072 bytes, and Linux passes at most 131,071 (128 KiB) of one to a program',
  );
  assert.match(error.hint ?? "", /file of the image.*File/u);
  refused(() => variables({ BIG: "ü".repeat(MAX_STRING_BYTES / 2) }));
});

test("a name that no variable can have is refused, and cut where it is long", () => {
  for (const name of ["", "=", "A=B", "A\0"])
    assert.equal(refused(() => variables({ [name]: "1" })).code, "INVALID_ARGUMENT");
  assert.match(refused(() => variables({ A: "\0" })).message, /"A" of task t has a NUL/u);
  const long = refused(() => variables({ ["N".repeat(200_000)]: "1" })).message;
  assert.match(long, /"N{64}"… \(200,000 characters\) of task t has 200,002 bytes/u);
  assert.ok(long.length < 300);
});

test("what says how attempts start is one of the known words", () => {
  assert.deepEqual(variables({ BOXKITE_WARM_START: "fork" }), { BOXKITE_WARM_START: "fork" });
  const error = refused(() => variables({ BOXKITE_WARM_START: "hot" }));
  assert.match(error.message, /BOXKITE_WARM_START is "hot", .* off, one-shot, fork$/u);
});

test("an argument has at most 128 KiB", () => {
  assert.deepEqual(decodeWords(["a", ""], "argument", "task t"), ["a", ""]);
  const error = refused(() => decodeWords(["a", "x".repeat(MAX_STRING_BYTES + 1)], "argument", "task t"));
  assert.match(error.message, /^argument 2 of task t has 131,072 bytes/u);
});

test("all variables, those of the run too, and all arguments together have at most 2 MiB", () => {
  const task = { name: "t", command: [], args: ["x".repeat(100_000)], env: { A: "x".repeat(100_000) } };
  const run = Object.fromEntries(
    Array.from({ length: 17 }, (_, index) => [`R${index}`, "x".repeat(100_000)]),
  );
  requireStartable(task, run);
  // A variable of the task replaces the run's of the same name.
  requireStartable(task, { ...run, A: "x".repeat(100_000) });
  const error = refused(() => requireStartable(task, { ...run, LARGEST: "x".repeat(100_001) }));
  assert.equal(error.code, "LIMIT_EXCEEDED");
  assert.match(error.message, /of task t have 2,000,\d{3} bytes together.*2,097,152 \(2 MiB\).*"LARGEST"/u);
});

test("many empty variables cost their pointers", () => {
  const run = Object.fromEntries(Array.from({ length: 150_000 }, (_, index) => [`V${index}`, ""]));
  refused(() => requireStartable({ name: "t", command: [], args: [], env: {} }, run));
});
