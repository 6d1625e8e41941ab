/**
 * The parts of programs in docs/typescript (images.md, quick-start.md, running.md, tasks.md) fit the types of the SDK,
 * with the compiler settings of the quick start. Their names that stand for the reader's own are declared here.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fencesRunBy, ROOT } from "../helpers/documents.ts";
import { temporaryDirectory } from "../helpers/server.ts";
import { writeProgram } from "../helpers/stock-sdk.ts";

const SELF = "test/docs/typescript.test.ts";
const PAGES = ["images.md", "quick-start.md", "running.md", "tasks.md"];

const DEFINITIONS = `
import * as flyte from "boxkite";
import { z } from "zod";

export const env = new flyte.TaskEnvironment({ name: "docs" });
export const training = new flyte.TaskEnvironment({ name: "training" });
export const dataPrep = new flyte.TaskEnvironment({ name: "data-prep", dependsOn: [training] });
export const train = training.task(
  { name: "train", inputs: { rows: z.array(z.number()) }, output: z.number() },
  async ({ rows }) => rows.length,
);
export const other = training.task({ name: "other" }, async () => {});
export const prepare = dataPrep.task(
  { name: "prepare", inputs: { day: z.string() }, output: z.string() },
  async ({ day }) => day,
);
`;

const GLOBALS = `
import type * as Flyte from "boxkite";
import type * as Zod from "zod";
import type * as own from "./definitions.ts";

declare global {
  const flyte: typeof Flyte;
  const z: typeof Zod.z;
  const env: typeof own.env;
  const training: typeof own.training;
  const dataPrep: typeof own.dataPrep;
  const train: typeof own.train;
  const task: typeof own.train;
  const other: typeof own.other;
  const prepare: typeof own.prepare;
  const run: Flyte.Run<number>;
  const rows: number[];
  // One call's inputs on one page, a list of them on another.
  const inputs: any;
  function fetchResults(query: string): Promise<string[]>;
  function publish(): void;
}
`;

const SETTINGS = {
  compilerOptions: {
    target: "esnext",
    module: "nodenext",
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    moduleDetection: "force",
    types: ["node"],
    paths: { boxkite: [join(ROOT, "src/sdk/index.ts")] },
  },
};

test("the parts of programs in docs/typescript have no errors of type", async (t) => {
  const directory = await temporaryDirectory(t);
  await symlink(join(ROOT, "node_modules"), join(directory, "node_modules"));
  const fences = PAGES.flatMap((page) => fencesRunBy(SELF, `docs/typescript/${page}`));
  // "…" stands for statements of the reader's own.
  const parts = fences.map(({ page, line, text }) => [
    `${page.replaceAll(/\W/gu, "-")}-line-${line}.ts`,
    text.replaceAll("{ … }", "{}"),
  ]);
  await writeProgram(directory, {
    "package.json": '{ "type": "module" }',
    "tsconfig.json": JSON.stringify(SETTINGS),
    "definitions.ts": DEFINITIONS,
    "globals.d.ts": GLOBALS,
    ...Object.fromEntries(parts),
  });
  const compiler = join(ROOT, "node_modules/.bin/tsc");
  const { status, stdout } = spawnSync(compiler, ["--project", directory], { encoding: "utf8" });
  assert.equal(status, 0, stdout);
});
