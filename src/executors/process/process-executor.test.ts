/** What cannot be read is unknown, not dead; and an attempt that does nothing costs nothing. */
import assert from "node:assert/strict";
import { chmod, readdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { test, type TestContext } from "node:test";
import { Recorder } from "../../../test/executors/recorder.ts";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { awaitFile, KEEP_RUNNING } from "../../../test/helpers/shell.ts";
import { steppedClock, type SteppedClock } from "../../../test/helpers/stepped-clock.ts";
import { until } from "../../../test/helpers/until.ts";
import type { AttemptSpec } from "../executor.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import { createLogger, silentLogger, type Logger } from "../../lib/log.ts";
import { readTextFile } from "./attempt-directory.ts";
import { createProcessExecutor } from "./process-executor.ts";

async function setUp(t: TestContext, clock: Clock, log: Logger = silentLogger, env = process.env) {
  const directory = await temporaryDirectory(t);
  const files = { isUnreadable: false, reads: 0, found: [] as string[] };
  const readText = async (file: string): Promise<string> => {
    files.reads++;
    // As the system answers when every descriptor is in use.
    if (files.isUnreadable) throw Object.assign(new Error("too many open files"), { code: "EMFILE" });
    const text = await readTextFile(file);
    files.found.push(basename(file));
    return text;
  };
  const open = () =>
    createProcessExecutor({ directory, path: [], env, compiledCode: "/compiled", clock, log, readText });
  const executor = open();
  const spec = (script: string): AttemptSpec => ({
    key: { project: "p", domain: "d", run: "r", action: "a0", attempt: 1 },
    image: { reference: "host", pinned: "host", digest: "", source: "host" },
    command: ["sh", "-c"],
    args: [script],
    env: {},
    requests: {},
    limits: {},
    labels: {},
  });
  t.after(async () => {
    files.isUnreadable = false;
    for (const key of await executor.list()) await executor.release(key);
    await executor.close();
  });
  return { directory, files, executor, open, spec };
}

/** Steps the clock until it is there. */
async function stepUntil<T>(clock: SteppedClock, awaited: Promise<T>): Promise<T> {
  let isThere = false;
  void awaited.finally(() => (isThere = true));
  await until(async () => (await clock.step(100), isThere));
  return awaited;
}

test("an attempt whose files cannot be read is not lost, and its end is found once they can", async (t) => {
  const clock = steppedClock();
  const { directory, files, executor, spec } = await setUp(t, clock);
  const recorder = new Recorder();
  const go = join(directory, "go");
  await executor.start(spec(`echo ready; ${awaitFile(go)}; exit 6`), recorder.sink, recorder.observer);
  await stepUntil(clock, recorder.line("ready"));
  files.isUnreadable = true;
  await until(async () => (await clock.step(1_000), recorder.progress.length > 0));
  for (let seconds = 0; seconds < 60; seconds++) await clock.step(1_000);
  assert.deepEqual(recorder.told, ["started", "line"]);
  assert.match(recorder.progress.at(-1) ?? "", /too many open files/u);
  files.isUnreadable = false;
  await writeFile(go, "");
  assert.equal((await stepUntil(clock, recorder.ended)).exitCode, 6);
  assert.deepEqual(recorder.starts, [{ engine: "process", adaptations: [] }]);
});

test("once its exit code is there, nothing else is read of an attempt", async (t) => {
  const { files, executor, spec } = await setUp(t, systemClock);
  const recorder = new Recorder();
  await executor.start(spec("exit 6"), recorder.sink, recorder.observer);
  assert.equal((await recorder.ended).exitCode, 6);
  const after = files.found.slice(files.found.indexOf("exit"));
  assert.deepEqual([...new Set(after)], ["exit"]);
});

test("variables that are larger than the system allows are the task's fault, and not tried again", async (t) => {
  const { executor, spec } = await setUp(t, systemClock);
  const recorder = new Recorder();
  const large = { ...spec("true"), env: { BIG: "x".repeat(200_000) } };
  await executor.start(large, recorder.sink, recorder.observer);
  const exit = await recorder.ended;
  assert.deepEqual([exit.reason, exit.code], ["start_failed", "ARGUMENTS_TOO_LONG"]);
  assert.match(exit.hint ?? "", /128 KiB.*flyte\.io\.File/u);
});

test("a start that cannot read what is there starts nothing, and a release that cannot frees nothing", async (t) => {
  const { directory, files, executor, open, spec } = await setUp(t, systemClock);
  const [first, second] = [new Recorder(), new Recorder()];
  const script = spec(`echo $$ >>../../started; echo ready; ${KEEP_RUNNING}`);
  await executor.start(script, first.sink, first.observer);
  await first.line("ready");
  await executor.close();
  files.isUnreadable = true;
  const restarted = open();
  await restarted.start(script, second.sink, second.observer);
  await until(async () => second.progress.length > 0);
  await assert.rejects(restarted.release(script.key), /too many open files/u);
  assert.deepEqual(second.told, ["ended"]);
  files.isUnreadable = false;
  assert.equal((await readTextFile(join(directory, "started"))).trim().split("\n").length, 1);
  const third = new Recorder(first.lines);
  await restarted.start(script, third.sink, third.observer);
  await third.started;
  await restarted.release(script.key);
  assert.equal((await third.ended).exitCode, 137);
  assert.deepEqual(await readdir(directory), ["started"]);
});

test("the state of an attempt that sleeps is read some times in a minute, and not in between", async (t) => {
  const clock = steppedClock();
  const { files, executor, spec } = await setUp(t, clock);
  const recorder = new Recorder();
  await executor.start(spec("echo ready; sleep 600"), recorder.sink, recorder.observer);
  await stepUntil(clock, recorder.line("ready"));
  await clock.step(1_000);
  const before = files.reads;
  for (let seconds = 0; seconds < 60; seconds++) await clock.step(1_000);
  assert.ok(files.reads - before <= 60, `${files.reads - before} reads in a minute`);
  await stepUntil(clock, executor.stop(spec("").key, 0));
  assert.equal((await recorder.ended).exitCode, 137);
});

test("output of an attempt is copied without reading its state each time", async (t) => {
  const clock = steppedClock();
  const { directory, files, executor, spec } = await setUp(t, clock);
  const recorder = new Recorder();
  const names = Array.from({ length: 10 }, (_, index) => `line${index}`);
  const script = names.map((name) => `${awaitFile(join(directory, name))}; echo ${name}`).join("; ");
  await executor.start(spec(`${script}; ${KEEP_RUNNING}`), recorder.sink, recorder.observer);
  await stepUntil(clock, recorder.started);
  const before = { reads: files.reads, at: clock.now() };
  for (const name of names) {
    await writeFile(join(directory, name), "");
    await until(async () => (await clock.step(20), recorder.lines.some(({ line }) => line === name)));
  }
  const seconds = (clock.now() - before.at) / 1_000;
  assert.ok(files.reads - before.reads <= 6 + seconds, `${files.reads - before.reads} reads in ${seconds} s`);
  await stepUntil(clock, executor.stop(spec("").key, 0));
  assert.equal((await recorder.ended).exitCode, 137);
});

test("an attempt whose key file is damaged is skipped and named", async (t) => {
  const lines: string[] = [];
  const { directory, executor, spec } = await setUp(
    t,
    systemClock,
    createLogger({ write: (line) => lines.push(line) }),
  );
  const recorder = new Recorder();
  await executor.start(spec("exit 0"), recorder.sink, recorder.observer);
  await recorder.ended;
  const [name = ""] = await readdir(directory);
  const file = join(directory, name, "key.json");
  await writeFile(file, "{");
  assert.deepEqual(await executor.list(), []);
  assert.equal(lines.filter((line) => line.includes(file)).length, 1);
});

test("a relative entry of PATH, such as that of pnpm exec, means the directory that the server was started in", async (t) => {
  const env = { PATH: `./node_modules/.bin::${process.env["PATH"]}` };
  const { executor, spec } = await setUp(t, systemClock, silentLogger, env);
  const recorder = new Recorder();
  await executor.start(spec('echo "$PATH"'), recorder.sink, recorder.observer);
  await recorder.ended;
  assert.equal(recorder.lines[0]?.line.split(":")[0], join(process.cwd(), "node_modules/.bin"));
  assert.doesNotMatch(recorder.lines[0]?.line ?? "", /::|:\./u);
});

test("a Python task gets the server's limits for launches, and its start says so; another program does not", async (t) => {
  const bin = await temporaryDirectory(t);
  await writeFile(join(bin, "a0"), "#!/bin/sh\necho $_F_MAX_QPS $_F_P_CNC\n", { mode: 0o755 });
  const env = { ...process.env, PATH: `${bin}:${process.env["PATH"]}` };
  const { executor, spec } = await setUp(t, systemClock, silentLogger, env);
  const run = async (more: Partial<AttemptSpec>) => {
    const recorder = new Recorder();
    await executor.start({ ...spec(""), ...more }, recorder.sink, recorder.observer);
    await recorder.ended;
    await executor.release(spec("").key);
    return [recorder.lines.map(({ line }) => line), recorder.starts[0]?.defaults];
  };
  const own = { env: { _F_P_CNC: "7" } };
  const python = await run({ command: [], args: ["a0"], ...own });
  assert.deepEqual(python, [["1000 7"], { _F_MAX_QPS: "1000" }]);
  const other = await run({ args: ["echo $_F_MAX_QPS $_F_P_CNC"], ...own });
  assert.deepEqual(other, [["7"], undefined]);
});

test("only a task in TypeScript is told where compiled code is kept", async (t) => {
  const bin = await temporaryDirectory(t);
  await writeFile(join(bin, "a0-ts"), '#!/bin/sh\necho "kept in $NODE_COMPILE_CACHE"\n');
  await chmod(join(bin, "a0-ts"), 0o755);
  const env = { PATH: `${bin}:${process.env["PATH"]}` };
  const { executor, spec } = await setUp(t, systemClock, silentLogger, env);
  for (const [given, line] of [
    [{ ...spec(""), command: [], args: ["a0-ts"] }, "kept in /compiled"],
    [spec('echo "kept in $NODE_COMPILE_CACHE"'), "kept in "],
  ] as const) {
    const recorder = new Recorder();
    await executor.start(given, recorder.sink, recorder.observer);
    await recorder.ended;
    assert.deepEqual(
      recorder.lines.map((written) => written.line),
      [line],
    );
    await executor.release(given.key);
  }
});
