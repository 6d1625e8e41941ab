import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { runCommand, runLogged } from "./command.ts";

suite("programs of an engine", () => {
  test("a second run with the same file tells only what it says itself", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "boxkite-command-"));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const logFile = join(folder, "build.log");
    const run = async (text: string) => {
      const lines: string[] = [];
      const onLine = (line: string) => void lines.push(line);
      const script = `echo ${text}; exit 3`;
      assert.equal(await runLogged("sh", ["-c", script], { env: process.env, logFile, onLine }), 3);
      return lines;
    };
    assert.deepEqual(await run("first"), ["first"]);
    assert.deepEqual(await run("second"), ["second"]);
    assert.equal(await readFile(logFile, "utf8"), "second\n");
  });

  test("an end by a signal has the code that a shell gives it", async () => {
    for (const number of [2, 9, 11, 15]) {
      const { exitCode } = await runCommand("sh", ["-c", `kill -${number} $$`], { env: process.env });
      assert.equal(exitCode, 128 + number);
    }
  });

  test("a program that is not there is told by its name", async () => {
    await assert.rejects(runCommand("boxkite-no-such-engine", [], { env: process.env }), {
      code: "ENGINE_UNREACHABLE",
      hint: /Install boxkite-no-such-engine/,
    });
  });
});
