import assert from "node:assert/strict";
import { test } from "node:test";
import { specifiersIn } from "./module-imports.ts";

function assertFinds(source: string, ...specifiers: readonly string[]): void {
  assert.deepEqual(specifiersIn(source, "x.ts"), specifiers, source);
}

test("every form of import, and of a reference to a file beside the module", () => {
  assertFinds(
    `import "./a.ts"; import b, { c } from './b.ts'; import * as d from "./d.ts"`,
    "./a.ts",
    "./b.ts",
    "./d.ts",
  );
  assertFinds(
    `export * from "./a.ts"; export * as b from "./b.ts"; export { c } from "./c.ts"`,
    "./a.ts",
    "./b.ts",
    "./c.ts",
  );
  assertFinds(`import data from "./data.json" with { type: "json" }`, "./data.json");
  assertFinds("const a = await import('./a.ts'); import(`./b.ts`, { with: {} })", "./a.ts", "./b.ts");
  assertFinds(`import {\n  a, // first\n  b,\n} from /* here */ "./a.ts"`, "./a.ts");
  assertFinds(`new Worker(new URL("./worker.ts", import.meta.url))`, "./worker.ts");
  assertFinds(`import.meta.resolve("./a.ts"); import.meta.dirname`, "./a.ts");
  assertFinds(`const a = require("./a.cjs"), b = require('./b.json')`, "./a.cjs", "./b.json");
  assertFinds(`import a from "zod"; import b from "#lib/b"`, "zod", "#lib/b");
  assertFinds(`const text = \`\${await import("./a.ts")}\``, "./a.ts");
});

test("what only looks like an import", () => {
  assertFinds(`// import "./a.ts"\n/* export * from "./b.ts" */`);
  assertFinds(`const a = 'import "./a.ts"', b = \`from "./b.ts"\`, c = /import "./`);
  assertFinds(`import(name); import("./" + name); import(\`./\${name}.ts\`)`);
  assertFinds(`x.import("./a.ts"); const from = "./b.ts"; new URL("./c.ts", base)`);
  assertFinds(`const a = import.meta.url; const b = "./b.ts"`);
});

test("types are no part of what runs", () => {
  assertFinds(
    `import type { A } from "./a.ts"; export type { B } from "./b.ts"; type C = typeof import("./c.ts")`,
  );
  assertFinds(`import type A from "./a.ts"; let b: import("./b.ts").B`);
  // Node runs this one for what it does.
  assertFinds(`import { type A } from "./a.ts"; import { type B, c } from "./c.ts"`, "./a.ts", "./c.ts");
});

test("TypeScript that is more than JavaScript is read as it is", () => {
  assertFinds(
    `enum A { b = "import './x.ts'" }
namespace N { export const a = 1 }
class K<T extends { a: string }> { declare z: T; m!: string; constructor(private x: number) {} }
const f = <T,>(x: T): x is T => /re'"gex/.test(x as unknown as string) satisfies boolean;
function g(this: Foo, a?: number): asserts a is number {}
const h = a < b > (c);
import z from "./last.ts"`,
    "./last.ts",
  );
});

test("text that is no module is refused by its name, with an alternative", () => {
  assert.throws(() => specifiersIn(`import { a from "./a.ts"`, "src/x.ts"), {
    code: "INVALID_ARGUMENT",
    message: /^the imports of src\/x\.ts cannot be read: /,
    hint: /copyStyle: "all"/,
  });
});
