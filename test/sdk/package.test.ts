/** The tarball in an empty project, installed as a user installs it. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { packedTarball } from "./helpers/package.ts";

const HELLO = `
import * as flyte from "boxkite";
import { runInProcess } from "boxkite/testing";
import { z } from "zod";

const env = new flyte.TaskEnvironment({ name: "hello" });

export const greet = env.task(
  { name: "greet", inputs: { name: z.string() }, output: z.string() },
  async ({ name }) => \`Hello, \${name}!\`,
);

export const main = env.task(
  { name: "main", inputs: { names: z.array(z.string()) }, output: z.array(z.string()) },
  async ({ names }) => flyte.map(greet, names.map((name) => ({ name }))),
);

if (import.meta.main) {
  const run = await flyte.run(main, { names: ["Ada", "Grace"] });
  console.log((await run.outputs()).join(" "));
  const { actions } = await runInProcess(main, { names: ["Ada"] });
  console.log(actions.filter(({ phase }) => phase === "running").map(({ taskName }) => taskName).join(" "));
}
`;

test("installed into an empty project: it runs, its types check, and it is small", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "boxkite-empty-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const root = join(import.meta.dirname, "../..");
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    devDependencies: Record<string, string>;
  };
  const peers = ["zod", "typescript", "@types/node"].map((name) => `${name}@${devDependencies[name]}`);
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  const tarball = packedTarball();
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", tarball, ...peers], {
    cwd: folder,
    stdio: "pipe",
  });
  writeFileSync(join(folder, "hello.ts"), HELLO);
  // Without a configuration file anywhere, runs are local.
  const env = { PATH: process.env["PATH"], HOME: folder };
  const output = execFileSync(process.execPath, ["hello.ts"], { cwd: folder, env, encoding: "utf8" });
  assert.equal(output, "Hello, Ada! Hello, Grace!\nhello.main hello.greet\n");
  const flags = ["--noEmit", "--strict", "--target", "esnext", "--module", "nodenext", "--types", "node"];
  for (const extra of [[], ["--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"]]) {
    execFileSync(join(folder, "node_modules/.bin/tsc"), [...flags, ...extra, "hello.ts"], {
      cwd: folder,
      stdio: "inherit",
    });
  }
  const runtime = spawnSync(join(folder, "node_modules/.bin/a0-ts"), [], {
    cwd: folder,
    env,
    encoding: "utf8",
  });
  assert.deepEqual([runtime.status, runtime.stderr.split(":")[0]], [2, "a0-ts"]);
  assert.ok(statSync(tarball).size < 2 << 20, `the tarball has ${statSync(tarball).size} bytes`);
});
