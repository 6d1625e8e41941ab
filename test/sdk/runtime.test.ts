/** `a0-ts` as a platform starts it, with files instead of an object store, and no server. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { packBundle } from "../../src/sdk/start/bundle.ts";
import { InputsSchema } from "../../src/wire/gen/flyteidl2/task/common_pb.js";
import { makeFolder, oneInteger, startCold as start } from "./helpers/attempt.ts";

const root = join(import.meta.dirname, "../..");

const TASKS = `
import * as flyte from "boxkite";
import { z } from "zod";
const env = new flyte.TaskEnvironment({ name: "env" });

export const double = env.task({ name: "double", inputs: { n: z.int() }, output: z.int() }, async ({ n }) => n * 2);
env.task({ name: "hidden", output: z.string() }, async () => "found by name");
export const renamed = env.task({ name: "by-name", output: z.string() }, async () => "found too");
export const fails = env.task({ name: "fails" }, async () => { throw new RangeError("out of range"); });
export const fatal = env.task({ name: "fatal" }, async () => { throw new flyte.NonRecoverableError("for good"); });
export const floats = env.task({ name: "floats" }, async () => {
  void Promise.reject(new Error("nobody waits"));
  await new Promise((resolve) => setTimeout(resolve, 5000));
});
export const waits = env.task({ name: "waits" }, async (_, { signal }) => {
  console.log("waiting");
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  console.log("told to end");
});
export const leaves = env.task({ name: "leaves", output: z.string() }, async () => {
  setInterval(() => undefined, 1000);
  return "done";
});
export const exits = env.task({ name: "exits" }, async () => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  process.exit(4);
});
export const when = env.task({ name: "when", inputs: { at: z.date() }, output: z.date() }, async ({ at }) => at);
export const reports = env.task({ name: "reports", inputs: { n: z.int() }, report: true }, async ({ n }) => {
  flyte.report.log("<b>so far</b>");
  if (n > 0) throw new Error("no further");
});
export const knows = env.task({ name: "knows", secrets: ["api-key"], output: z.string() }, async () => flyte.secret("api-key"));
export const strict = env.task({ name: "strict", inputs: { n: z.int().max(3) } }, async () => undefined);
`;

test("a task's outputs are written, and the process ends well", async (t) => {
  const folder = makeFolder(t, { "tasks.ts": TASKS, "package.json": '{"type":"module"}' });
  const ended = await start(folder, { export: "double", inputs: oneInteger(21) });
  assert.equal(ended.stderr, "");
  assert.deepEqual([ended.code, ended.outputs, ended.error], [0, 42n, undefined]);
  assert.equal((await start(folder, { export: "hidden" })).outputs, "found by name");
  assert.equal((await start(folder, { export: "by-name" })).outputs, "found too");
  assert.equal((await start(folder, { export: "env.by-name" })).outputs, "found too");
  const left = await start(folder, { export: "leaves" });
  assert.deepEqual(
    [left.code, left.outputs],
    [0, "done"],
    "an interval that goes on does not keep the container",
  );
});

test("an error of the task's own is on record, and the process ends well", async (t) => {
  const folder = makeFolder(t, { "tasks.ts": TASKS, "package.json": '{"type":"module"}' });
  const ended = await start(folder, { export: "fails" });
  assert.equal(ended.code, 0);
  assert.equal(ended.error?.code, "RangeError");
  assert.match(ended.error?.message ?? "", /^out of range\n\s+at .*tasks\.ts:9:\d+/);
  assert.equal(ended.error?.kind, 1, "recoverable");
  assert.equal(ended.error?.origin, 1, "the user's");
  assert.match(ended.stderr, /RangeError: out of range/);
  assert.equal((await start(folder, { export: "fatal" })).error?.kind, 0, "not recoverable");
  const invalid = await start(folder, { export: "strict", inputs: oneInteger(7) });
  assert.equal(invalid.error?.code, "ValueError");
  assert.match(invalid.error?.message ?? "", /env\.strict, input n/);
});

test("a report is published when the task ends, however it ends", async (t) => {
  const folder = makeFolder(t, { "tasks.ts": TASKS, "package.json": '{"type":"module"}' });
  assert.match((await start(folder, { export: "reports", inputs: oneInteger(0) })).report ?? "", /so far/);
  const failed = await start(folder, { export: "reports", inputs: oneInteger(1) });
  assert.match(failed.report ?? "", /so far/);
  assert.match(failed.error?.message ?? "", /no further/);
  assert.equal((await start(folder, { export: "hidden" })).report, undefined);
});

test("a secret is read from its variable; without one the error names where it was searched", async (t) => {
  const folder = makeFolder(t, { "tasks.ts": TASKS, "package.json": '{"type":"module"}' });
  assert.equal((await start(folder, { export: "knows", env: { API_KEY: "s3cret" } })).outputs, "s3cret");
  const without = await start(folder, { export: "knows" });
  assert.match(
    without.error?.message ?? "",
    /api-key is neither in API_KEY nor in \/etc\/flyte\/secrets\/api-key/,
  );
});

test("what cannot be begun is on record, and the process ends badly", async (t) => {
  const folder = makeFolder(t, {
    "tasks.ts": TASKS,
    "package.json": '{"type":"module"}',
    "runs.ts": 'import * as flyte from "boxkite"; await flyte.run(undefined as never);',
    "broken.ts": 'import "./nowhere.ts";',
  });
  const missing = await start(folder, { export: "double", module: "code/tasks.ts" });
  assert.equal(missing.code, 1);
  assert.match(missing.error?.message ?? "", /no module code\/tasks\.ts.*files there:.*tasks\.ts.*WORKDIR/s);
  const unknown = await start(folder, { export: "treble" });
  assert.match(unknown.error?.message ?? "", /no a task treble|a task treble; it defines double, hidden/);
  const broken = await start(folder, { export: "x", module: "broken.ts" });
  assert.match(broken.error?.message ?? "", /nowhere\.ts/);
  const recursive = await start(folder, { export: "x", module: "runs.ts" });
  assert.equal(recursive.code, 1);
  assert.match(recursive.error?.message ?? "", /import\.meta\.main/);
});

test("an error that nobody awaits is on record", async (t) => {
  const folder = makeFolder(t, { "tasks.ts": TASKS, "package.json": '{"type":"module"}' });
  const ended = await start(folder, { export: "floats" });
  assert.equal(ended.code, 1);
  assert.match(ended.error?.message ?? "", /nobody waits/);
});

test("a call of process.exit in a task is in the log, with where it is", async (t) => {
  const folder = makeFolder(t, { "tasks.ts": TASKS, "package.json": '{"type":"module"}' });
  const ended = await start(folder, { export: "exits" });
  assert.deepEqual([ended.code, ended.error], [4, undefined]);
  assert.match(
    ended.stderr,
    /^a0-ts: process\.exit\(4\) was called before the task had ended at .*tasks\.ts:\d+:\d+\)?$/mu,
  );
});

test("SIGTERM aborts the signal of the task, and then ends the process", async (t) => {
  const folder = makeFolder(t, { "tasks.ts": TASKS, "package.json": '{"type":"module"}' });
  const ended = await start(folder, {
    export: "waits",
    onLine: (line, kill) => {
      if (line.includes("waiting")) kill("SIGTERM");
    },
  });
  assert.equal(ended.code, 143, JSON.stringify([ended.stdout, ended.stderr]));
  assert.match(ended.stdout, /told to end/);
});

test("a wrong command line says what is wrong", async (t) => {
  const folder = makeFolder(t, {});
  const unknown = await start(folder, { export: "x", args: ["--what", "1"] });
  assert.deepEqual([unknown.code, unknown.stderr], [2, "a0-ts: unknown option --what\n"]);
  const nameless = await start(folder, { export: "x", env: { RUN_NAME: "" } });
  assert.match(nameless.stderr, /--run-name is missing \(or RUN_NAME\)/);
});

test("a bundle is unpacked once; TypeScript in it runs as it is", async (t) => {
  const source = makeFolder(t, { "src/tasks.ts": TASKS, "package.json": '{"type":"module"}' });
  const bundle = await packBundle(source, ["package.json", "src/tasks.ts"]);
  const folder = makeFolder(t, {});
  const uri = join(source, bundle.filename);
  writeFileSync(uri, bundle.content);
  const options = {
    export: "double",
    module: "src/tasks.ts",
    inputs: oneInteger(2),
    args: ["--tgz", uri, "--dest", "code"],
  };
  mkdirSync(join(folder, "code"));
  assert.equal((await start(folder, options)).outputs, 4n);
  assert.deepEqual(readdirSync(join(folder, "code")).sort(), [
    `.${bundle.filename}.extracted`,
    "package.json",
    "src",
  ]);
  rmSync(uri);
  assert.equal((await start(folder, options)).outputs, 4n, "the second action needs no download");
});

test("stacks name the lines of the source, for code that was built", async (t) => {
  const folder = makeFolder(t, { "tasks.ts": TASKS, "package.json": '{"type":"module"}' });
  const compiler = join(root, "node_modules/.bin/tsc");
  const flags = [
    "--outDir",
    "dist",
    "--sourceMap",
    "--inlineSources",
    "--target",
    "esnext",
    "--module",
    "nodenext",
    "--noCheck",
  ];
  execFileSync(compiler, ["tasks.ts", ...flags, "--types", "", "--removeComments"], {
    cwd: folder,
    stdio: "ignore",
  });
  const ended = await start(folder, { export: "fails", module: "dist/tasks.js" });
  assert.match(ended.error?.message ?? "", /out of range\n\s+at .*\/tasks\.ts:9:\d+/);
  rmSync(join(folder, "tasks.ts"));
  writeFileSync(join(folder, "tasks.js"), readFileSync(join(folder, "dist/tasks.js")));
  assert.equal(
    (await start(folder, { export: "hidden" })).outputs,
    "found by name",
    "tasks.ts was built to tasks.js",
  );
});

test("a schedule's time arrives in the input it names", async (t) => {
  const folder = makeFolder(t, { "tasks.ts": TASKS, "package.json": '{"type":"module"}' });
  const inputs = create(InputsSchema, { context: [{ key: "_u_kickoff_time_input_arg", value: "at" }] });
  const ended = await start(folder, { export: "when", inputs });
  assert.equal(ended.outputs, BigInt(Date.parse("2026-01-02T03:04:05Z") / 1000));
  await sleep(0);
});

test("a task that was ended has the exit code of that also where nobody takes its result any more", async (t) => {
  const folder = makeFolder(t, { "tasks.ts": TASKS, "package.json": '{"type":"module"}' });
  const ended = await start(folder, {
    export: "waits",
    args: ["--outputs-path", "/dev/null/nowhere"],
    onLine: (line, kill) => {
      if (line.includes("waiting")) kill("SIGTERM");
    },
  });
  assert.equal(ended.code, 143, ended.stderr);
});
