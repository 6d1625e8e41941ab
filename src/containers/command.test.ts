import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { until } from "../../test/helpers/until.ts";
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

test("lines of the two outputs are not mixed", async (t) => {
  const seen = join(await temporaryDirectory(t), "seen");
  const script = `printf a; printf 'b\\n' >&2; until [ -e "$0" ]; do sleep 0.01; done; printf 'c\\n'`;
  const lines: string[] = [];
  const onLine = (line: string) => {
    lines.push(line);
    writeFileSync(seen, "");
  };
  await runCommand("/bin/sh", ["-c", script, seen], { env: process.env, onLine });
  assert.deepEqual(lines, ["b", "ac"]);
});

test("a command that ignores SIGTERM is killed", async () => {
  const clock = steppedClock();
  const abort = new AbortController();
  const ready = Promise.withResolvers<void>();
  const running = runCommand("/bin/sh", ["-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], {
    env: process.env,
    signal: abort.signal,
    onLine: () => ready.resolve(),
    clock,
  });
  await ready.promise;
  abort.abort(new Error("stopped"));
  let isOver = false;
  const over = assert.rejects(running, /stopped/u).finally(() => (isOver = true));
  await until(async () => (await clock.step(1_000), isOver));
  await over;
});
