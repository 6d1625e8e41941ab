import assert from "node:assert/strict";
import { test } from "node:test";
import { programOf } from "./program.ts";

const PYTHON = ["a0", "--inputs", "{{.input}}", "--tgz", "s3://b/code.tgz", "--dest", "."];
const RESOLVER = ["--resolver", "flyte._internal.resolvers.default.DefaultTaskResolver"];
const of = (args: readonly string[], type = "python") =>
  programOf({ type, command: [], args, inputs: ["x"] }, 5);

test("arguments say how the code gets there, and which module and name are loaded", () => {
  assert.deepEqual(of([...PYTHON, ...RESOLVER, "mod", "team.flow", "instance", "main"]), {
    language: "python",
    code: "sent",
    command: "a0",
    module: "team.flow",
    entity: "main",
    inputs: ["x"],
    memoryLimitBytes: 5,
  });
  assert.equal(of(["a0", "--pkl", "s3://b/task.pkl"]).code, "pickled");
  assert.equal(of(["a0", ...RESOLVER]).code, "baked");
});

test("the TypeScript runtime, and programs that are neither", () => {
  const typescript = of(["a0-ts", "mod", "flow.ts", "export", "main"], "typescript");
  assert.deepEqual(
    [typescript.language, typescript.module, typescript.entity],
    ["typescript", "flow.ts", "main"],
  );
  const other = programOf({ type: "raw", command: ["sh"], args: [] }, undefined);
  assert.deepEqual(
    [other.language, other.command, other.module, other.inputs],
    [undefined, "sh", undefined, []],
  );
});
