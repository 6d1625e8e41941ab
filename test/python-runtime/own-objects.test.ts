/** Attempts whose inputs come with the order, and whose results the server stores. No object store is there. */
import assert from "node:assert/strict";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { runAttempt, startOrdered } from "./ordered-worker.ts";

const TASKS = `
import os
import flyte

env = flyte.TaskEnvironment(name="e")

@env.task
async def double(x: int) -> int:
    os.umask(0o077)
    return 2 * x

@env.task
def fail(x: int) -> int:
    os.umask(0o077)
    raise ValueError("no " + str(x))
`;

for (const mode of ["fork", "resident"] as const)
  test(`the inputs of an attempt come with its order, and its result is a file that the server can read: ${mode}`, async (t) => {
    const worker = await startOrdered(t, mode, {
      files: { "tasks.py": TASKS },
      args: mode === "fork" ? ["--preload", ""] : [],
      // Without it flyte takes the process for one of a person.
      env: { FLYTE_INTERNAL_EXECUTION_PROJECT: "p" },
    });
    const filesOf = async (id: string) => {
      const directory = join(worker.directory, "attempts", id);
      const names = (await readdir(directory)).toSorted();
      const modes = await Promise.all(names.map(async (name) => (await stat(join(directory, name))).mode));
      return Object.fromEntries(names.map((name, index) => [name, (modes[index] ?? 0) & 0o777]));
    };
    const common = { exit: 0o644, stderr: 0o644, stdout: 0o644 };
    for (const [id, x] of Object.entries({ a: 3, b: 4 })) {
      const { code, result, stderr } = await runAttempt(worker, id, "double", x);
      assert.deepEqual([code, result], [0, 2 * x], stderr);
      assert.deepEqual(await filesOf(id), { ...common, "outputs.pb": 0o644 });
    }
    const { code, error, stderr } = await runAttempt(worker, "c", "fail", 5);
    assert.equal(code, 0);
    assert.match(error, /no 5/u);
    assert.match(stderr, /Uploaded error to s3:\/\/none\/out\/error\.pb/u);
    assert.deepEqual(await filesOf("c"), { ...common, "error.pb": 0o644 });
  });
