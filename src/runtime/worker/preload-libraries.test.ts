import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";

const MODULE = pathToFileURL(join(import.meta.dirname, "preload-libraries.ts")).href;

/** What it loads, and what a module of the working directory gets then. */
const SCRIPT = `
const { preloadLibraries } = await import(${JSON.stringify(MODULE)});
const loaded = await preloadLibraries();
const { z } = await import("./tasks.ts");
console.log(JSON.stringify({ loaded, own: z, times: globalThis.times }));
`;

test("tasks get the libraries of the working directory, which are loaded once", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "boxkite-preload-"));
  t.after(() => rm(folder, { recursive: true }));
  const files = {
    "package.json": '{"type":"module"}',
    "tasks.ts": 'import "boxkite"; export { z } from "zod";',
    "run.js": SCRIPT,
    "node_modules/zod/package.json": '{"type":"module","exports":"./index.js"}',
    "node_modules/zod/index.js": 'globalThis.times = (globalThis.times ?? 0) + 1; export const z = "own";',
    "node_modules/arktype/package.json": '{"type":"module","exports":"./index.js"}',
    "node_modules/arktype/index.js": 'throw new Error("broken")',
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, ".."), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ["run.js"], { cwd: folder });
  assert.equal(stderr, "");
  const { loaded, own, times } = JSON.parse(stdout) as { loaded: string[]; own: string; times: number };
  assert.deepEqual([own, times], ["own", 1]);
  for (const name of ["typed", "boxkite", "zod"]) assert.ok(loaded.includes(name), name);
  assert.equal(loaded.includes("arktype"), false, "a library that cannot be imported is left out");
});
