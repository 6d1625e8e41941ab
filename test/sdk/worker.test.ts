/** The same programs in a process of their own and in workers: outputs, errors, exit codes and logs are the same. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import {
  makeFolder,
  oneInteger,
  prepareAttempt,
  startCold,
  type Ended,
  type Start,
} from "./helpers/attempt.ts";
import { startOneShot, startResident, startWorker } from "./helpers/worker.ts";
import { until } from "../helpers/until.ts";

const TASKS = `
import * as flyte from "boxkite";
import { spawn, spawnSync, execSync } from "node:child_process";
import { once } from "node:events";
import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import { z } from "zod";
const env = new flyte.TaskEnvironment({ name: "env" });
let calls = 0;

export const double = env.task({ name: "double", inputs: { n: z.int() }, output: z.int() }, async ({ n }) => n * 2);
export const fails = env.task({ name: "fails" }, async () => { throw new RangeError("out of range"); });
export const fatal = env.task({ name: "fatal" }, async () => { throw new flyte.NonRecoverableError("for good"); });
export const floats = env.task({ name: "floats" }, async () => {
  void Promise.reject(new Error("nobody waits"));
  await new Promise((resolve) => setTimeout(resolve, 5000));
});
export const throws = env.task({ name: "throws" }, async () => {
  setTimeout(() => { throw new TypeError("thrown by a timer"); }, 1);
  await new Promise((resolve) => setTimeout(resolve, 5000));
});
export const exits = env.task({ name: "exits", output: z.string() }, async () => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  try { process.exit(4); } catch { return "went on"; }
});
export const waits = env.task({ name: "waits" }, async (_, { signal }) => {
  console.log("waiting");
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  console.log("told to end");
});
export const reports = env.task({ name: "reports", inputs: { n: z.int() }, report: true }, async ({ n }) => {
  flyte.report.log("<b>so far</b>");
  if (n > 0) throw new Error("no further");
});
export const strict = env.task({ name: "strict", inputs: { n: z.int().max(3) } }, async () => undefined);
export const leaves = env.task({ name: "leaves", output: z.string() }, async () => {
  setInterval(() => undefined, 1000);
  return "done";
});
export const writes = env.task({ name: "writes", output: z.string() }, async () => {
  console.log("a line with %d", 1);
  console.error("an error");
  process.stdout.write("c3A=", "base64");
  process.stdout.write(new Uint8Array([195, 164, 10]));
  await new Promise((resolve) => process.stdout.write("before the callback\\n", resolve));
  await pipeline(Readable.from(["piped ", "text\\n"]), process.stdout, { end: false });
  await once(spawn("echo", ["of a child"], { stdio: "inherit" }), "close");
  spawnSync("echo", ["of a synchronous child"], { stdio: ["ignore", "inherit", "inherit"] });
  execSync("echo to stderr >&2");
  try { process.stdout.write("x", "no encoding"); } catch (error) { return error.code; }
});
export const knows = env.task({ name: "knows", output: z.string() }, async () => {
  const before = [process.env.ACTION_NAME, process.env.OWN, process.cwd() === process.env.HERE, process.argv.length > 10];
  process.env.ADDED = "by a task";
  process.chdir("/");
  return JSON.stringify([...before, flyte.context().action]);
});
export const added = env.task({ name: "added", output: z.string() }, async () => [String(process.env.ADDED), process.cwd()].join());
export const counts = env.task({ name: "counts", output: z.int() }, async () => ++calls);
export const says = env.task({ name: "says", inputs: { n: z.int() }, output: z.string() }, async ({ n }) => {
  for (let round = 0; round < 3; round++) {
    console.log("round", round, "of", n);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return flyte.secret("own-key");
});
export const lingers = env.task({ name: "lingers" }, async () => { console.log("waiting"); await new Promise(() => undefined); });
export const leaks = env.task({ name: "leaks" }, async () => {
  for (let timers = 0; timers < 100; timers++) setInterval(() => undefined, 60_000);
});
`;
const FILES = {
  "tasks.ts": TASKS,
  "package.json": '{"type":"module"}',
  "broken.ts": 'import "./nowhere.ts";',
};

/** Without what differs between two attempts of the same program: where they were. */
function comparable({ error, stdout, stderr, ...rest }: Ended) {
  const withoutPlaces = (text: string) =>
    text
      .replaceAll(/attempt-\w+/gu, "attempt")
      .replaceAll(/\n\s+at .*(?:src\/(?:runtime|lib)|node:internal).*/gu, "");
  return {
    ...rest,
    stdout,
    stderr: withoutPlaces(stderr),
    error: error && { ...error, message: withoutPlaces(error.message) },
  };
}

const terminated: Start["onLine"] = (line, kill) => {
  if (line.startsWith("waiting")) kill("SIGTERM");
};

const PROGRAMS: readonly (readonly [what: string, start: Start])[] = [
  ["an output", { export: "double", inputs: oneInteger(21) }],
  ["an error", { export: "fails" }],
  ["an error for good", { export: "fatal" }],
  ["a rejection that nobody handles", { export: "floats" }],
  ["an error thrown by a timer", { export: "throws" }],
  ["process.exit", { export: "exits" }],
  ["SIGTERM", { export: "waits", onLine: terminated }],
  ["a report", { export: "reports", inputs: oneInteger(0) }],
  ["a report and an error", { export: "reports", inputs: oneInteger(1) }],
  ["an input that is refused", { export: "strict", inputs: oneInteger(7) }],
  ["a timer that is left", { export: "leaves" }],
  ["all kinds of output", { export: "writes" }],
  ["a module that cannot be loaded", { export: "x", module: "broken.ts" }],
  ["a task that does not exist", { export: "treble" }],
  ["a wrong command line", { export: "double", args: ["--what", "1"] }],
  ["no name of the run", { export: "double", env: { RUN_NAME: "" } }],
];

suite("the same programs", { concurrency: 2 }, () => {
  for (const [what, start] of PROGRAMS) {
    test(`cold and in workers: ${what}`, async (t) => {
      const folder = makeFolder(t, FILES);
      const cold = comparable(await startCold(folder, start));
      assert.deepEqual(comparable(await startOneShot(t, folder, start)), cold, "one_shot");
      const worker = await startWorker(t, folder, "resident");
      const client = worker.connect();
      const { mode, known } = await client.report("ready");
      assert.deepEqual([mode, known], ["resident", []]);
      assert.deepEqual(comparable(await startResident(worker, client, folder, start)), cold, "resident");
      assert.deepEqual(worker.output, { stdout: "", stderr: "" });
      // In another worker: the first attempt may have spoiled this one.
      const other = await startWorker(t, folder, "resident");
      const sent = await startResident(other, other.connect(), folder, { ...start, sendsInputs: true });
      assert.deepEqual(comparable(sent), cold, "resident, with inputs in its order");
    });
  }
});

suite("a one-shot worker", { concurrency: 2 }, () => {
  test("it takes one attempt, with its arguments and variables, and its socket is gone", async (t) => {
    const folder = makeFolder(t, FILES);
    const env = { OWN: "own", HERE: folder };
    const { code, outputs } = await startOneShot(t, folder, { export: "knows", env });
    const action = { org: "local", project: "p", domain: "d", run: "r", name: "a0" };
    assert.deepEqual([code, JSON.parse(String(outputs))], [0, ["a0", "own", true, true, action]]);
  });

  test("without an attempt SIGTERM ends it, and its socket is removed", async (t) => {
    const worker = await startWorker(t, makeFolder(t, FILES), "one_shot");
    const client = worker.connect();
    await client.report("ready");
    worker.kill("SIGTERM");
    assert.deepEqual(await worker.ended, { code: 0 });
    assert.equal(existsSync(join(worker.directory, "socket")), false);
  });

  test("its last client counts", async (t) => {
    const folder = makeFolder(t, FILES);
    const worker = await startWorker(t, folder, "one_shot");
    const first = worker.connect();
    await first.report("ready");
    const second = worker.connect();
    await second.report("ready");
    await first.closed();
    const { args, env, read } = prepareAttempt(folder, { export: "double", inputs: oneInteger(1) });
    second.send({ op: "start", id: "x", args, env });
    await second.report("started", "x");
    assert.deepEqual([await worker.ended, read().outputs], [{ code: 0 }, 2n]);
  });
});

suite("a resident worker", { concurrency: 2 }, () => {
  test("its modules keep their state, and attempts that ended well do not spoil it", async (t) => {
    const folder = makeFolder(t, FILES);
    const worker = await startWorker(t, folder, "resident");
    const client = worker.connect();
    const runs = [];
    for (const name of ["counts", "fails", "counts", "leaves", "counts"])
      runs.push((await startResident(worker, client, folder, { export: name })).outputs);
    assert.deepEqual(runs, [1n, undefined, 2n, "done", 3n]);
    assert.equal(existsSync(join(worker.directory, "socket")), true);
  });

  test("variables, arguments and the working directory are those of the attempt, and are restored", async (t) => {
    const folder = makeFolder(t, FILES);
    const worker = await startWorker(t, folder, "resident");
    const client = worker.connect();
    const env = { OWN: "own", HERE: folder, ACTION_NAME: "b1" };
    const { outputs } = await startResident(worker, client, folder, { export: "knows", env });
    const action = { org: "local", project: "p", domain: "d", run: "r", name: "b1" };
    assert.deepEqual(JSON.parse(String(outputs)), ["b1", "own", true, true, action]);
    const next = await startResident(worker, client, folder, { export: "added" });
    assert.equal(next.outputs, `undefined,${folder}`);
  });

  test("of several at once each has its own output, variables and error", async (t) => {
    const folder = makeFolder(t, FILES);
    const worker = await startWorker(t, folder, "resident", { concurrency: 3 });
    const client = worker.connect();
    const says = (n: number) =>
      startResident(worker, client, folder, {
        export: "says",
        inputs: oneInteger(n),
        env: { OWN_KEY: `secret ${n}`, ACTION_NAME: `a${n}` },
      });
    const ended = await Promise.all([says(1), says(2), says(3), says(4)]);
    for (const [index, { code, stdout, stderr, outputs }] of ended.entries()) {
      const n = index + 1;
      const lines = [0, 1, 2].map((round) => `round ${round} of ${n}\n`).join("");
      assert.deepEqual([code, stdout, stderr, outputs], [0, lines, "", `secret ${n}`]);
    }
    const [crashed, steady] = await Promise.all([
      startResident(worker, client, folder, { export: "throws" }),
      says(5),
    ]);
    assert.match(crashed.error?.message ?? "", /thrown by a timer/);
    assert.deepEqual([crashed.code, crashed.stdout, steady.code, steady.outputs], [1, "", 0, "secret 5"]);
    assert.match((await client.report("spoiled")).reason, /error that nobody handled/);
    assert.deepEqual([await worker.ended, worker.output], [{ code: 0 }, { stdout: "", stderr: "" }]);
  });

  test("a client that comes later is told what goes on; a second order changes nothing", async (t) => {
    const folder = makeFolder(t, FILES);
    const worker = await startWorker(t, folder, "resident");
    const { args, env } = prepareAttempt(folder, { export: "waits" });
    const first = worker.connect();
    first.send({ op: "start", id: "one", args, env });
    await first.report("started", "one");
    const second = worker.connect();
    assert.deepEqual((await second.report("ready")).known, ["one"]);
    await second.report("started", "one");
    second.send({ op: "start", id: "one", args, env });
    second.send({ op: "signal", id: "unknown", signal: "TERM" });
    await until(async () => existsSync(join(worker.directory, "attempts/one/stdout")));
    second.close();
    const third = worker.connect();
    third.send({ op: "signal", id: "one", signal: "TERM" });
    assert.equal((await third.report("exited", "one")).code, 143);
    assert.equal(
      readFileSync(join(worker.directory, "attempts/one/stdout"), "utf8"),
      "waiting\ntold to end\n",
    );
    rmSync(join(worker.directory, "attempts/one"), { recursive: true });
    const fourth = worker.connect();
    assert.deepEqual((await fourth.report("ready")).known, [], "the server has removed its files");
  });

  test("one that waits for another to end can be ended before it starts", async (t) => {
    const folder = makeFolder(t, FILES);
    const worker = await startWorker(t, folder, "resident");
    const client = worker.connect();
    const [first, second] = [{ export: "waits" }, { export: "counts" }].map((start) =>
      prepareAttempt(folder, start),
    );
    if (first === undefined || second === undefined) throw new Error("two attempts");
    client.send({ op: "start", id: "one", args: first.args, env: first.env });
    client.send({ op: "start", id: "two", args: second.args, env: second.env });
    client.send({ op: "signal", id: "two", signal: "TERM" });
    assert.equal((await client.report("exited", "two")).code, 143);
    assert.equal(readFileSync(join(worker.directory, "attempts/two/exit"), "utf8"), "143");
    await until(async () => existsSync(join(worker.directory, "attempts/one/stdout")));
    client.send({ op: "signal", id: "one", signal: "TERM" });
    assert.equal((await client.report("exited", "one")).code, 143);
    assert.equal((await startResident(worker, client, folder, { export: "counts" })).outputs, 1n);
  });

  test("KILL ends the attempt at once, and the worker with it", async (t) => {
    const folder = makeFolder(t, FILES);
    const worker = await startWorker(t, folder, "resident");
    const client = worker.connect();
    const killed = await startResident(worker, client, folder, {
      export: "lingers",
      onLine: (_, kill) => kill("SIGKILL"),
    });
    assert.equal(killed.code, 137);
    assert.deepEqual(await worker.ended, { code: 0 });
  });

  test("one that leaks timers takes no more, and ends", async (t) => {
    const folder = makeFolder(t, FILES);
    const worker = await startWorker(t, folder, "resident");
    const client = worker.connect();
    await startResident(worker, client, folder, { export: "counts" });
    assert.equal((await startResident(worker, client, folder, { export: "leaks" })).code, 0);
    assert.match((await client.report("spoiled")).reason, /left 100 timers/);
    assert.deepEqual(await worker.ended, { code: 0 });
  });

  test("another version of the code is refused", async (t) => {
    const folder = makeFolder(t, FILES);
    const worker = await startWorker(t, folder, "resident");
    const client = worker.connect();
    await startResident(worker, client, folder, { export: "counts" });
    const { args, env } = prepareAttempt(folder, { export: "counts", args: ["--version", "w"] });
    client.send({ op: "start", id: "other", args, env });
    await client.report("exited", "other");
    assert.match(
      readFileSync(join(worker.directory, "attempts/other/unstarted"), "utf8"),
      /version w of the code cannot run in a worker that has loaded the version v/,
    );
    assert.equal((await startResident(worker, client, folder, { export: "counts" })).outputs, 2n);
  });

  test("a spoiled worker says that what it is given has not begun", async (t) => {
    const folder = makeFolder(t, FILES);
    const worker = await startWorker(t, folder, "resident", { concurrency: 2 });
    const client = worker.connect();
    const waits = prepareAttempt(folder, { export: "waits" });
    client.send({ op: "start", id: "one", args: waits.args, env: waits.env });
    await startResident(worker, client, folder, { export: "exits" });
    await client.report("spoiled");
    const counts = prepareAttempt(folder, { export: "counts" });
    client.send({ op: "start", id: "late", args: counts.args, env: counts.env });
    await client.report("exited", "late");
    assert.match(
      readFileSync(join(worker.directory, "attempts/late/unstarted"), "utf8"),
      /called process\.exit/,
    );
    client.send({ op: "signal", id: "one", signal: "TERM" });
    assert.equal((await client.report("exited", "one")).code, 143);
    assert.deepEqual(await worker.ended, { code: 0 });
  });

  test("SIGTERM ends its attempts as the platform does, and then the worker", async (t) => {
    const folder = makeFolder(t, FILES);
    const worker = await startWorker(t, folder, "resident", { concurrency: 2 });
    const client = worker.connect();
    const ended = startResident(worker, client, folder, {
      export: "waits",
      onLine: () => worker.kill("SIGTERM"),
    });
    assert.deepEqual((await ended).code, 143);
    assert.deepEqual(await worker.ended, { code: 0 });
  });
});

test("a worker that cannot be says why", async (t) => {
  const folder = makeFolder(t, {});
  await assert.rejects(startWorker(t, folder, "fork"), /--worker fork: Node cannot fork.*use one_shot/);
  await assert.rejects(startWorker(t, folder, "two"), /--worker two: expected a0-ts --worker/);
});
