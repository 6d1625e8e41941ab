/** bin/boxkite.cjs, with a stand-in for what it loads. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { temporaryDirectory } from "../../test/helpers/server.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/boxkite.cjs");
const run = promisify(execFile);

test("the server's young generation is limited, unless the user set a limit; other commands start once", async (t) => {
  const directory = await temporaryDirectory(t);
  await cp(PROGRAM, join(directory, "bin/boxkite.cjs"));
  await mkdir(join(directory, "dist/cli"), { recursive: true });
  await writeFile(join(directory, "package.json"), '{ "type": "module" }');
  await writeFile(
    join(directory, "dist/cli/main.js"),
    "console.log(JSON.stringify([process.pid, process.execArgv, process.argv.slice(2)]));",
  );
  const started = async (before: readonly string[], args: readonly string[], options = "") => {
    const env = { ...process.env, NODE_OPTIONS: options };
    const child = run(process.execPath, [...before, join(directory, "bin/boxkite.cjs"), ...args], { env });
    const { stdout, stderr } = await child;
    assert.equal(stderr, "");
    const [pid, ...rest] = JSON.parse(stdout) as [number, string[], string[]];
    assert.equal(pid, child.child.pid, "the process stays the same");
    return rest;
  };
  const limit = "--max-semi-space-size=4";
  assert.deepEqual(await started([], ["up", "--port", "0"]), [[limit], ["up", "--port", "0"]]);
  assert.deepEqual(await started(["--trace-uncaught"], ["up"]), [[limit, "--trace-uncaught"], ["up"]]);
  const own = "--max-semi-space-size=16";
  assert.deepEqual(await started([own], ["up"]), [[own], ["up"]]);
  assert.deepEqual(await started([], ["up"], own), [[], ["up"]]);
  assert.deepEqual(await started([], ["get", "runs"]), [[], ["get", "runs"]]);
});
