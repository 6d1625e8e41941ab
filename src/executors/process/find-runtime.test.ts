import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { test, type TestContext } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { findRuntime } from "./find-runtime.ts";

/** An environment as pip makes it. */
async function setUp(t: TestContext, firstLine = "#!/bin/sh") {
  const environment = await temporaryDirectory(t);
  const bin = join(environment, "bin");
  await mkdir(bin);
  const write = (name: string, text: string) => writeFile(join(bin, name), text, { mode: 0o755 });
  await write("python", "");
  await write("a0", `${firstLine}\n`);
  return { environment, bin, python: join(bin, "python") };
}

const invalid = (message: RegExp) => ({ code: "CONFIG_INVALID", message });

test("a relative path is one of the working directory, not of the directory that a task runs in", async (t) => {
  const { environment, bin, python } = await setUp(t);
  assert.equal(findRuntime(relative(process.cwd(), python), {}), bin);
  assert.equal(findRuntime(relative(process.cwd(), environment), {}), bin);
  assert.equal(findRuntime(undefined, { PATH: `/nowhere::${relative(process.cwd(), bin)}` }), bin);
});

test("an interpreter that is not there, or has no flyte, is refused", async (t) => {
  const { environment, bin, python } = await setUp(t);
  assert.throws(
    () => findRuntime(join(bin, "python3"), {}),
    invalid(/^there is no Python interpreter \/.*python3$/u),
  );
  await chmod(python, 0o644);
  assert.throws(() => findRuntime(python, {}), invalid(/^the Python interpreter .* cannot be executed$/u));
  const without = join(environment, "python");
  await writeFile(without, "", { mode: 0o755 });
  assert.throws(() => findRuntime(without, {}), invalid(/needs a0 of .* or a0-ts of .* beside .*python$/u));
  assert.throws(() => findRuntime(undefined, { PATH: "" }), invalid(/there is neither on PATH$/u));
});

test("a program that cannot be executed is refused, such as that of an environment that was moved", async (t) => {
  const moved = await setUp(t, "#!/old/bin/python");
  assert.throws(
    () => findRuntime(moved.python, {}),
    invalid(/its interpreter \/old\/bin\/python cannot be/u),
  );
  await chmod(join(moved.bin, "a0"), 0o644);
  assert.throws(() => findRuntime(moved.python, {}), invalid(/a0 cannot be executed$/u));
});
