import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { cacheOf } from "./cache.ts";
import { definitionOf } from "./task.ts";
import { needsImage } from "./task-environment.ts";
import { encodeTaskSpec } from "./task-spec.ts";
import { encodeInputs } from "./values.ts";
import { runInProcess } from "../local/run.ts";
import { isSleepTask } from "../../domain/sleep.ts";
import { decodeSleep } from "../../wire/sleep-task.ts";
import { decodeTaskSpec } from "../../wire/task-spec.ts";
import * as flyte from "../index.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";

const SETTINGS = {
  org: "",
  project: "p",
  domain: "d",
  version: "1",
  images: {},
  imageCache: "",
  bundle: undefined,
  rootDir: import.meta.dirname,
};

const env = new flyte.TaskEnvironment({ name: "team", resources: { cpu: 1 }, retries: 2 });
const pause = env.sleep({ name: "pause", cache: "auto", timeout: "2h", description: "between calls" });

test("a sleep is sent as a task of the server's own, which it takes, without an image or a program", () => {
  const spec = encodeTaskSpec(definitionOf(pause), SETTINGS);
  assert.equal(spec.taskTemplate?.target.case, undefined);
  const { definition } = decodeTaskSpec(spec);
  assert.ok(isSleepTask(definition));
  assert.deepEqual([definition.name, definition.inputs], ["team.pause", ["duration"]]);
  assert.deepEqual(
    [definition.policy.userRetries, definition.policy.maxRuntimeMs],
    [2, 7_200_000],
    "settings of the environment and its own",
  );
  assert.ok(definition.cache !== undefined);
});

test("what a sleep is cached by does not change with the code of this package", () => {
  assert.equal(cacheOf(definitionOf(pause)).version, "sleep");
  const salted = pause.override({ cache: { salt: "2" } });
  assert.equal(cacheOf(definitionOf(salted)).version, "sleep-2");
});

suite("its duration", () => {
  const { interface: compiled } = definitionOf(pause);
  for (const [duration, ms] of [
    ["1h30m", 5_400_000],
    ["500ms", 500],
    [0, 0],
    [1_500, 1_500],
    [7_999.999_999_999_999, 8_000],
    ["PT1M30S", 90_000],
    ["40d", 3_456_000_000],
  ] as const)
    test(`${duration} is ${ms} ms`, async () => {
      assert.equal(decodeSleep(await encodeInputs("team.pause", compiled, { duration }), "task t"), ms);
    });

  for (const [inputs, message] of [
    [{ duration: "soon" }, /^team\.pause, input duration: "soon" is not a duration; write "90s"/u],
    [{ duration: -1 }, /^team\.pause, input duration: -1 ms is not a duration$/u],
    [{ duration: Number.POSITIVE_INFINITY }, /^team\.pause, input duration: Infinity ms is not a duration$/u],
    [{ duration: "-PT1S" }, /^team\.pause, input duration: "-PT1S" is not a duration/u],
    [{ duration: "P1Y" }, /^team\.pause, input duration: "P1Y" is not an ISO 8601 duration/u],
    [
      { duration: new Date(0) },
      /^team\.pause, input duration: expected a duration: "90s", "10m", or a number/u,
    ],
    [{}, /^team\.pause, input duration is missing$/u],
    [{ duration: 1, time: 1 }, /^team\.pause has no input time; its inputs are duration$/u],
  ] as const)
    test(`${JSON.stringify(inputs)} is refused by name`, async () => {
      await assert.rejects(encodeInputs("team.pause", compiled, inputs), { name: "ValueError", message });
    });
});

test("settings of a container are refused by name, where it is defined and where it is overridden", () => {
  const message =
    /^task team\.\w+ is a sleep, which runs in no container: it has no resources, env; it can have cache, retries, timeout$/u;
  const settings = { resources: { cpu: 1 }, env: { A: "1" } };
  assert.throws(() => env.sleep({ name: "wrong", ...settings } as flyte.SleepOptions), {
    name: "TypeError",
    message,
  });
  assert.throws(() => pause.override(settings), { name: "TypeError", message });
  assert.throws(() => env.sleep({ name: "wrong", retries: -1 }), /retries must be a whole number/u);
  assert.throws(() => env.sleep({ name: "pause" }), /has a task pause already/u);
  assert.equal(definitionOf(pause.override({ retries: 5 })).options.retries, 5);
});

test("an environment needs an image for its other tasks only", () => {
  const sleeps = new flyte.TaskEnvironment({ name: "sleeps" });
  assert.ok(needsImage(sleeps));
  sleeps.sleep({ name: "nap" });
  assert.ok(!needsImage(sleeps));
  sleeps.task({ name: "other" }, async () => undefined);
  assert.ok(needsImage(sleeps));
});

suite("in a local run", () => {
  const parent = env.task({ name: "parent" }, async () => {
    await flyte.sleep("1h");
    await Promise.all([pause({ duration: "30m" }), flyte.sleep(60_000)]);
  });

  test("time passes by its clock, each sleep as an action", async () => {
    const clock = steppedClock();
    const events: string[] = [];
    const run = runInProcess(
      definitionOf(parent),
      {},
      {
        clock,
        onAction: ({ taskName, phase }) => events.push(`${taskName} ${phase}`),
      },
    );
    await clock.step(3_599_999);
    assert.deepEqual(events, ["team.parent running", "flyte.sleep running"]);
    await clock.step(1);
    await clock.step(60_000);
    assert.deepEqual(events.slice(2).toSorted(), [
      "flyte.sleep running",
      "flyte.sleep succeeded",
      "flyte.sleep succeeded",
      "team.pause running",
    ]);
    await clock.step(1_740_000);
    await run;
    assert.equal(events.at(-1), "team.parent succeeded");
    assert.equal(clock.pending, 0);
  });

  test("an abort ends it", async () => {
    const run = await flyte.withRunContext({ mode: "local" }).run(pause, { duration: "1h" });
    await run.abort("enough");
    assert.equal(await run.wait(), "aborted");
  });

  test("a time limit ends it, after its retries", async () => {
    const cut = env.sleep({ name: "cut", timeout: "1s", retries: 1 });
    const clock = steppedClock();
    const late = assert.rejects(runInProcess(definitionOf(cut), { duration: "1h" }, { clock }), {
      name: "TaskTimeoutError",
    });
    await clock.step(1_000);
    await clock.step(1_000);
    await late;
    assert.equal(clock.pending, 0);
  });
});

test("flyte.sleep is for tasks, and not for traces", async () => {
  await assert.rejects(flyte.sleep("1s"), { name: "NotInTaskError", message: /flyte\.sleep\(\)/u });
  const traced = flyte.trace("traced", async () => flyte.sleep("1s"));
  const parent = env.task({ name: "traces" }, async () => traced());
  await assert.rejects(runInProcess(definitionOf(parent), {}, {}), { name: "TaskInTraceError" });
});
