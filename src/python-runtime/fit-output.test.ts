import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { runtimeStartOf, modeOf } from "./runtime-start.ts";
import { brokenBy, parseCheck, parseProbe } from "./fit-output.ts";

const NONCE = "0123abcd";
const line = (name: string, value: string | Buffer) =>
  `\n${NONCE}:${name}:${Buffer.from(value).toString("base64")}\n`;
const checked = (value: unknown) => parseCheck(line("result", JSON.stringify(value)), NONCE);
const CONFLICT = { package: "protobuf", version: "3.20.3", wanted: "protobuf>=6.30.1", by: "flyte" };

suite("what check.py prints", () => {
  test("is read between other lines", () => {
    const result = { flyte: null, conflicts: [CONFLICT], reverse: [] };
    const output = `banner${line("result", JSON.stringify(result))}more\n`;
    assert.deepEqual(parseCheck(output, NONCE), { ...result, flyte: undefined });
  });

  for (const [what, output] of [
    ["nothing", ""],
    ["another nonce", line("result", "{}").replace(NONCE, "feedfeed")],
    ["no JSON", line("result", "{")],
    ["a list", line("result", "[]")],
    ["a text", line("result", '"text"')],
  ] as const) {
    test(`${what} is no result`, () => assert.equal(parseCheck(output, NONCE), undefined));
  }

  test("what is missing or of another type is left out", () => {
    const none = { flyte: undefined, conflicts: [], reverse: [] };
    assert.deepEqual(checked({}), none);
    assert.deepEqual(checked({ flyte: 1, conflicts: "x", reverse: [1, null, "x", {}] }), none);
  });

  test("names that are not normalized could be other arguments, and are left out", () => {
    for (const name of ["a,b", "a b", "../a", "A", "", "x".repeat(101), 7])
      assert.deepEqual(checked({ conflicts: [{ ...CONFLICT, package: name }] })?.conflicts, [], String(name));
  });

  test("lists and texts have an end, and no control characters", () => {
    const many = Array.from({ length: 1_000 }, () => ({
      ...CONFLICT,
      by: "x".repeat(9_000),
      version: "1\u001b[31m",
    }));
    const { conflicts = [] } = checked({ conflicts: many }) ?? {};
    assert.equal(conflicts.length, 200);
    assert.equal(conflicts[0]?.by.length, 1_000);
    assert.equal(conflicts[0]?.version, "1 [31m");
  });
});

suite("what probe.py prints", () => {
  test("a success has its compiled modules", () => {
    const output = line("bytecode", "zip") + line("result", '{"error": null}');
    assert.deepEqual(parseProbe(output, NONCE), { error: undefined, bytecode: Buffer.from("zip") });
  });

  test("a failure has its error only", () => {
    const output = line("bytecode", "zip") + line("result", '{"error": "ImportError: x"}');
    assert.deepEqual(parseProbe(output, NONCE), { error: "ImportError: x", bytecode: undefined });
  });

  test("anything else is no success", () => {
    for (const output of ["", line("bytecode", "zip"), line("result", "{}"), line("result", "null")])
      assert.equal(parseProbe(output, NONCE), undefined);
  });
});

test("only what a replaced version does not meet any longer is broken", () => {
  const violation = (name: string, by: string) => ({
    package: name,
    version: "2.10",
    wanted: `${name}<2`,
    by,
  });
  const reverse = [
    violation("pydantic", "fastapi"),
    violation("click", "flask"),
    violation("pydantic", "sqlmodel"),
  ];
  const result = { flyte: undefined, conflicts: [], reverse };
  assert.deepEqual(brokenBy(new Set(["pydantic", "sqlmodel"]), result), [violation("pydantic", "fastapi")]);
});

test("an image is started by its own interpreter, with the runtime beside it", () => {
  const directories = { runtime: "/data/runtime", programs: "/data/programs" };
  const none = { conflicts: [], broken: [] };
  const start = runtimeStartOf("/opt/venv/bin/python", directories, {
    kind: "route",
    packages: ["protobuf", "pydantic"],
    ...none,
  });
  assert.deepEqual(start, {
    interpreter: "/opt/venv/bin/python",
    mounts: [
      { source: "/data/runtime", target: "/run/boxkite/python-runtime" },
      { source: "/data/programs", target: "/run/boxkite/python-programs" },
    ],
    arguments: [
      "/run/boxkite/python-programs/boot.py",
      "route=protobuf,pydantic",
      "/run/boxkite/python-runtime",
    ],
  });
  assert.equal(modeOf({ kind: "append" }), "append");
  assert.equal(modeOf({ kind: "prepend", because: "", ...none }), "prepend");
  assert.equal(runtimeStartOf("/p", directories, { kind: "has_flyte", version: "2.12.1" }), undefined);
  assert.equal(
    runtimeStartOf("/p", directories, { kind: "refuse", because: "", isCertain: true, ...none }),
    undefined,
  );
});
