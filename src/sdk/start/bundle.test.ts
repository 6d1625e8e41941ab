import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { packBundle } from "./bundle.ts";
import { collectAll, collectIncluded } from "./collect-files.ts";
import { collectModules } from "./collect-modules.ts";

function makeProject(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "boxkite-bundle-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

const FILES = {
  "package.json": '{ "type": "module", "imports": { "#lib/*": "./lib/*.ts" } }',
  "src/tasks.ts": `import { a } from "./a.ts";
import type { T } from "./types.ts";
import data from "./data.json" with { type: "json" };
export * from "../lib/b.js";
import { c } from "#lib/c";
const later = () => import("./later.ts");
const worker = new URL("./worker.ts", import.meta.url);
import { z } from "zod";
// import "./commented-out.ts" names no file`,
  "src/a.ts": 'import "./tasks.ts";',
  "src/types.ts": "",
  "src/data.json": "{}",
  "src/later.ts": "",
  "src/worker.ts": "",
  "src/unused.ts": "",
  "lib/b.ts": "",
  "lib/c.ts": "",
  "assets/prompt.txt": "hello",
  "secret.env": "x",
  ".gitignore": "dist/\n*.env\n",
  "dist/x.js": "",
  "node_modules/zod/index.js": "",
};

test("loaded modules: what the tasks' modules import, and what those do", (t) => {
  const root = makeProject(t, FILES);
  assert.deepEqual(collectModules(root, [join(root, "src/tasks.ts")]), [
    "lib/b.ts",
    "lib/c.ts",
    "package.json",
    "src/a.ts",
    "src/data.json",
    "src/later.ts",
    "src/tasks.ts",
    "src/worker.ts",
  ]);
});

test("all: the root folder without dependencies and what is ignored", (t) => {
  const files = collectAll(makeProject(t, FILES));
  assert.ok(files.includes("src/unused.ts"));
  for (const name of ["secret.env", "dist/x.js", "node_modules/zod/index.js"])
    assert.ok(!files.includes(name), name);
});

test("include: a path names its file, a glob takes what git does not ignore, neither takes version control", (t) => {
  const root = makeProject(t, { ...FILES, ".git/config": "", ".git/info/exclude": "prompt.*\n", ".env": "" });
  assert.deepEqual(collectIncluded(root, ["*.env", "src/a*", ".env"]), [".env", "src/a.ts"]);
  assert.deepEqual(collectIncluded(root, ["secret.env", "assets/*"]), ["secret.env"]);
  assert.deepEqual(collectIncluded(root, [".git/*", ".git/config"]), []);
});

test("the same files are the same bundle, whatever their times", async (t) => {
  const root = makeProject(t, FILES);
  const first = await packBundle(root, ["src/a.ts", "src/tasks.ts"]);
  utimesSync(join(root, "src/a.ts"), 1, 1);
  const second = await packBundle(root, ["src/a.ts", "src/tasks.ts"]);
  assert.deepEqual(second.content, first.content);
  writeFileSync(join(root, "src/a.ts"), "changed");
  assert.notEqual((await packBundle(root, ["src/a.ts", "src/tasks.ts"])).version, first.version);
});
