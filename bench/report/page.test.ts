import assert from "node:assert/strict";
import { test } from "node:test";
import { BENCHMARKS } from "../benchmarks.ts";
import { atMost } from "../helpers/measure.ts";
import { CIRCUMSTANCES, rowWith } from "./fixtures.ts";
import { performancePage } from "./page.ts";

test("what was not measured has no section, and is named once", () => {
  const { text, pictures } = performancePage(() => []);
  assert.match(text, /^Not measured here: [^\n]*\.$/u);
  for (const { name } of BENCHMARKS) assert.match(text, new RegExp(`\`${name}\``, "u"));
  assert.equal(pictures.size, 0);
  const some = performancePage((name) => (name === "start" ? [rowWith({})] : [])).text;
  assert.deepEqual(some.match(/^##+ [^:\n]+/gmu), ["## The server", "### `start`"]);
  assert.match(some, /\n\nNot measured here: `shapes`, [^\n]*\.$/u);
  assert.doesNotMatch(some, /Not measured here: .*`start`/u);
});

test("a page on which everything was measured says nothing of that", () => {
  assert.doesNotMatch(performancePage(() => [rowWith({})]).text, /Not measured/u);
});

test("rows stand with the conditions of both sides and what they were measured on", () => {
  const rows = [
    rowWith({
      goal: atMost(1),
      ratio: { value: 0.5 },
      floor: { what: "floor", value: { value: 4 } },
      floorConditions: { durability: "none", isolation: "a process" },
    }),
  ];
  const { text, pictures } = performancePage((name) => (name === "start" ? rows : []));
  assert.match(text, /- \*ours\*: durability: on disk; isolation: a container\./u);
  assert.match(text, /- \*floor\*: durability: none; isolation: a process\./u);
  assert.match(
    text,
    /Measured 2030-01-02 03:04 UTC on 2 × processor.*fdatasync of 4 KiB p50 0\.15 ms, p99 0\.3 ms/u,
  );
  assert.match(text, /!\[Goals: The server\]\(performance\/the-server\.svg\)/u);
  assert.deepEqual([...pictures.keys()], ["performance/the-server.svg"]);
});

test("a program with changes that were not committed is marked", () => {
  const source = `${"a".repeat(40)}, measured by ${"b".repeat(12)} with changes`;
  const rows = [rowWith({ measured: { ...CIRCUMSTANCES, source } })];
  const { text } = performancePage((name) => (name === "start" ? rows : []));
  assert.match(text, /; program a{12}, measured by b{12} with changes; /u);
});

test("rows of different days say which they are", () => {
  const later = { ...CIRCUMSTANCES, at: "2031-01-01T00:00:00.000Z" };
  const rows = [rowWith({ measure: "old" }), rowWith({ measure: "new", measured: later })];
  const { text } = performancePage((name) => (name === "start" ? rows : []));
  assert.match(text, /Measured 2030-01-02 03:04 UTC.*: old/u);
  assert.match(text, /Measured 2031-01-01 00:00 UTC.*: new/u);
});

test("each benchmark has a name of its own", () => {
  const names = BENCHMARKS.map(({ name }) => name);
  assert.deepEqual([...new Set(names)], names);
});
