import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { z } from "zod";
import { Notice } from "./notice.ts";
import {
  ignoredRunOptions,
  ignoredTaskOptions,
  type RUN_OPTIONS,
  type TASK_OPTIONS,
} from "./option-table.ts";
import { runInProcess } from "./run.ts";
import { EXECUTION_OPTIONS, type ExecutionOptions } from "../authoring/options.ts";
import type { RunOptions } from "../authoring/run.ts";
import { definitionOf } from "../authoring/task.ts";
import * as flyte from "../index.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";

const everyTaskOption: Required<ExecutionOptions> = {
  resources: { cpu: 1 },
  env: { A: "1" },
  secrets: ["key"],
  cache: "auto",
  retries: 1,
  timeout: "1h",
  interruptible: true,
  queue: "q",
  podTemplate: "debug",
};

const everyRunOption: Required<RunOptions> = {
  name: "nightly-1",
  project: "p",
  domain: "d",
  env: { BOXKITE_OPTION_TEST: "1" },
  labels: { a: "1" },
  annotations: { a: "1" },
  customContext: { tenant: "a" },
  interruptible: true,
  queue: "q",
  maxActionConcurrency: 1,
  overwriteCache: true,
  cacheLookupScope: "global",
  rawDataPath: "/data",
  signals: { go: true },
  remoteTasks: { "other.task": () => 3 },
  mode: "local",
  copyStyle: "all",
  version: "7",
};

/** A check for every option that the table calls applied; the types require one for each. */
type Checks<T> = { readonly [K in keyof T as T[K] extends "applied" ? K : never]: () => Promise<void> };

const environment = new flyte.TaskEnvironment({ name: "options", image: "options:1" });

const taskChecks: Checks<typeof TASK_OPTIONS> = {
  retries: async () => {
    const second = environment.task(
      { name: "retries", output: z.int(), retries: 1 },
      async (_, { attempt }) => {
        if (attempt === 1) throw new Error("not yet");
        return attempt;
      },
    );
    assert.equal(await second(), 2);
  },
  timeout: async () => {
    const clock = steppedClock();
    const limits = { maxRuntime: "2h", deadline: "1h", maxQueuedTime: "1ms" };
    const endless = environment.task({ name: "timeout", timeout: limits }, () => new Promise<void>(() => {}));
    const late = assert.rejects(runInProcess(definitionOf(endless), {}, { clock }), { bound: "deadline" });
    await clock.step(0);
    await clock.step(3_600_000);
    await late;
  },
  secrets: async () => {
    process.env["OPTION_TEST_SECRET"] = "hidden";
    try {
      const secrets = ["option-test-secret"];
      const reads = environment.task({ name: "secrets", output: z.string(), secrets }, async () =>
        flyte.secret("option-test-secret"),
      );
      assert.equal(await reads(), "hidden");
    } finally {
      delete process.env["OPTION_TEST_SECRET"];
    }
  },
};

const contextOf = environment.task({ name: "context", output: flyte.json<unknown>() }, async (_, context) => {
  const { action, version, custom } = context;
  return { ...action, version, custom };
});

async function seen(options: RunOptions): Promise<unknown> {
  return (await flyte.withRunContext({ mode: "local", ...options }).run(contextOf)).outputs();
}

const runChecks: Checks<typeof RUN_OPTIONS> = {
  mode: async () =>
    assert.match((await flyte.withRunContext({ mode: "local" }).run(contextOf)).name, /^local-/),
  name: async () => {
    assert.partialDeepStrictEqual(await seen({ name: "nightly-1" }), { run: "nightly-1" });
    await assert.rejects(seen({ name: "Not/A Name" }), { code: "INVALID_ARGUMENT" });
  },
  project: async () => assert.partialDeepStrictEqual(await seen({ project: "p" }), { project: "p" }),
  domain: async () => assert.partialDeepStrictEqual(await seen({ domain: "d" }), { domain: "d" }),
  version: async () => assert.partialDeepStrictEqual(await seen({ version: "7" }), { version: "7" }),
  customContext: async () =>
    assert.partialDeepStrictEqual(await seen({ customContext: { a: "1" } }), { custom: { a: "1" } }),
  env: async () => {
    await seen({ env: { BOXKITE_OPTION_TEST: "1" } });
    assert.equal(process.env["BOXKITE_OPTION_TEST"], "1");
    delete process.env["BOXKITE_OPTION_TEST"];
  },
  rawDataPath: async () => {
    const rawDataPath = await mkdtemp(join(tmpdir(), "boxkite-raw-"));
    try {
      const writes = environment.task({ name: "writes", output: flyte.File }, async () =>
        flyte.File.fromBytes("content", "a.txt"),
      );
      const options = { mode: "local", name: "raw", rawDataPath } as const;
      const file = await (await flyte.withRunContext(options).run(writes)).outputs();
      assert.ok(file.uri.startsWith(`${rawDataPath}/raw/a0/1/`), file.uri);
    } finally {
      await rm(rawDataPath, { recursive: true });
    }
  },
  signals: async () => {
    const asks = environment.task({ name: "asks", output: z.boolean() }, async () =>
      (await flyte.condition("go")).wait(),
    );
    const options = { mode: "local", signals: { go: true } } as const;
    assert.equal(await (await flyte.withRunContext(options).run(asks)).outputs(), true);
  },
  remoteTasks: async () => {
    const other = flyte.remoteTask("other.task", { inputs: { n: z.int() }, output: z.int() });
    const calls = environment.task({ name: "calls", output: z.int() }, async () => other({ n: 1 }));
    const options = { mode: "local" } as const;
    const run = (answer: unknown) =>
      flyte.withRunContext({ ...options, remoteTasks: { "other.task": () => answer } }).run(calls);
    assert.equal(await (await run(3)).outputs(), 3);
    await assert.rejects((await run("three")).outputs(), /other\.task, output/);
  },
};

test("each option that a local run applies has its effect", async (t) => {
  for (const [name, check] of Object.entries({ ...taskChecks, ...runChecks })) await t.test(name, check);
});

test("each option that a local run ignores is reported once", () => {
  const env = new flyte.TaskEnvironment({ name: "options", image: "options:1", reusable: { replicas: 1 } });
  const task = definitionOf(env.task({ name: "every", ...everyTaskOption }, async () => undefined));
  const ignored = [...ignoredTaskOptions(task), ...ignoredRunOptions(everyRunOption)];
  assert.deepEqual(ignored.sort(), [
    "annotations of a run",
    "cache of a task",
    "env of a task",
    "labels of a run",
    "maxActionConcurrency of a run",
    "queue of a run",
    "queue of a task",
    "resources of a task",
    "reusable of a task",
  ]);
  assert.deepEqual(ignoredTaskOptions({ ...task, options: { cache: "disable" } }), ["reusable of a task"]);
  let written = "";
  const notice = new Notice((text) => (written += text));
  notice.notApplied([]);
  notice.notApplied(["a", "b"]);
  notice.notApplied(["b", "c"]);
  assert.equal(written, "local runs do not apply: a, b\nlocal runs do not apply: c\n");
});

test("the list of a task's options is complete", () => {
  assert.deepEqual([...EXECUTION_OPTIONS].sort(), Object.keys(everyTaskOption).sort());
});
