import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import * as flyte from "../../src/sdk/index.ts";

const env = new flyte.TaskEnvironment({ name: "local-tests" });

class QuotaError extends Error {
  override readonly name = "QuotaError";
  readonly limit: number;

  constructor(message: string, limit: number) {
    super(message);
    this.limit = limit;
  }
}

const train = env.task(
  { name: "train", inputs: { processed: z.string() }, output: z.number() },
  async ({ processed }) => processed.length,
);

const prepare = env.task(
  { name: "prepare", inputs: { raw: z.string().default("Hello World") }, output: z.number() },
  async ({ raw }) => train({ processed: raw.trim().toLowerCase() }),
);

const local = flyte.withRunContext({ mode: "local" });

test("a run of two tasks, with a default input", async () => {
  const run = await local.run(prepare);
  const phases: string[] = [];
  for await (const { phase } of run) phases.push(phase);
  assert.deepEqual(phases, ["queued", "running", "succeeded"]);
  assert.equal(await run.outputs(), 11);
  assert.equal(await run.wait(), "succeeded");
  await assert.rejects(flyte.rerun(run), {
    name: "TypeError",
    message: `${run.name} is a local run; only runs on a server can be run again`,
  });
});

test("a task called outside any run runs in this process", async () => {
  assert.equal(await train({ processed: "abc" }), 3);
  assert.equal(await train.forward({ processed: "abcd" }), 4);
});

test("values of every kind come through as they were declared", async () => {
  const everything = env.task(
    {
      name: "everything",
      inputs: {
        text: z.string(),
        whole: z.int(),
        real: z.number(),
        flag: z.boolean(),
        when: z.iso.datetime(),
        date: z.date(),
        day: z.iso.date(),
        long: z.iso.duration(),
        colour: z.enum(["red", "green"]),
        items: z.array(z.int()),
        scores: z.record(z.string(), z.number()),
        config: z.object({
          depth: z.int(),
          rate: z.number(),
          at: z.date(),
          tags: z.array(z.string()).optional(),
        }),
        either: z.union([z.string(), z.int()]),
        nothing: z.string().nullable(),
        big: z.bigint(),
        own: flyte.int64(),
        shape: z.discriminatedUnion("kind", [
          z.object({ kind: z.literal("circle"), r: z.number() }),
          z.object({ kind: z.literal("square"), side: z.int() }),
        ]),
        pair: z.tuple([z.string(), z.int()]),
        ark: type({ a: "string", "b?": "number" }),
        val: toStandardJsonSchema(v.object({ c: v.pipe(v.number(), v.integer()) })),
        absent: z.string().optional(),
      },
      output: z.record(z.string(), z.unknown()),
    },
    async (inputs) => {
      assert.ok(inputs.date instanceof Date);
      assert.ok(inputs.config.at instanceof Date);
      assert.equal(inputs.big, 2n ** 62n);
      assert.equal(inputs.own, -(2n ** 63n));
      assert.equal(inputs.absent, undefined);
      const { big: _big, own: _own, date: _date, config, ...rest } = inputs;
      return { ...rest, config: { ...config, at: config.at.toISOString() } };
    },
  );
  const inputs = {
    text: "ü",
    whole: 3,
    real: 2,
    flag: true,
    when: "2026-01-02T03:04:05.123456Z",
    date: new Date(1_700_000_000_123),
    day: "2026-05-06",
    long: "PT1H30M",
    colour: "green" as const,
    items: [1, 2],
    scores: { b: 1, a: 0.5 },
    config: { depth: 2, rate: 1, at: new Date(5), tags: ["x"] },
    either: 7,
    nothing: null,
    big: 2n ** 62n,
    own: -(2n ** 63n),
    shape: { kind: "square" as const, side: 4 },
    pair: ["p", 1] as [string, number],
    ark: { a: "1" },
    val: { c: 9 },
  };
  const outputs = await (await local.run(everything, inputs)).outputs();
  const { big: _big, own: _own, date: _date, config, ...rest } = inputs;
  assert.deepEqual(outputs, { ...rest, config: { ...config, at: config.at.toISOString() } });
});

test("an integer that a number does not hold exactly is refused, not rounded", async () => {
  const count = env.task(
    { name: "count", inputs: { n: flyte.json<number>() }, output: z.number() },
    async ({ n }) => n,
  );
  assert.equal(await count({ n: 3 }), 3);
  const whole = env.task(
    { name: "whole", inputs: { n: type("number.integer") }, output: z.number() },
    async ({ n }) => n,
  );
  await assert.rejects(whole({ n: 2 ** 53 }), /beyond 2\^53/);
});

test("wrong inputs are refused before anything runs, by name", async () => {
  await assert.rejects(
    local.run(train, { processed: 3 as unknown as string }),
    /local-tests\.train, input processed/,
  );
  await assert.rejects(local.run(train, { processed: "a", extra: 1 } as never), /has no input extra/);
  await assert.rejects(local.run(train, {} as never), /input processed is missing/);
});

test("a child's error keeps its class name and fields; its class too, once registered", async () => {
  const failing = env.task({ name: "failing" }, async () => {
    throw new QuotaError("no more", 7);
  });
  const seen: unknown[] = [];
  const parent = env.task({ name: "parent-of-failing" }, async () => {
    try {
      await failing();
    } catch (error) {
      seen.push(error);
    }
  });
  await (await local.run(parent)).outputs();
  const [first] = seen;
  assert.ok(first instanceof flyte.TaskError);
  assert.ok(!(first instanceof QuotaError));
  assert.equal(first.name, "QuotaError");
  assert.equal(first.message, "no more");
  assert.equal((first as unknown as QuotaError).limit, 7);
  assert.match(first.remoteStack ?? "", /local\.test\.ts/);
  flyte.registerError(QuotaError);
  await (await local.run(parent)).outputs();
  const second = seen[1];
  assert.ok(second instanceof QuotaError);
  assert.equal(second.limit, 7);
  assert.equal(second.message, "no more");
});

test("retries, with a checkpoint from the attempt before", async () => {
  const flaky = env.task({ name: "flaky", output: z.int(), retries: 2 }, async (_, { attempt }) => {
    const saved = await flyte.checkpoint.loadJson<number>();
    assert.equal(saved, attempt === 1 ? undefined : attempt - 1);
    await flyte.checkpoint.save(attempt);
    if (attempt < 3) throw new Error("not yet");
    return attempt;
  });
  assert.equal(await flaky(), 3);
  const hopeless = env.task({ name: "hopeless", retries: 5 }, async () => {
    attempts += 1;
    throw new flyte.NonRecoverableError("no use");
  });
  let attempts = 0;
  await assert.rejects(hopeless(), /no use/);
  assert.equal(attempts, 1);
});

test("a timeout aborts the signal", async () => {
  const slow = env.task({ name: "slow", timeout: "20ms" }, async (_, { signal }) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  });
  await assert.rejects(slow(), flyte.TaskTimeoutError);
});

test("map keeps order and bounds, settled keeps failures", async () => {
  let running = 0;
  let most = 0;
  const square = env.task({ name: "square", inputs: { n: z.int() }, output: z.int() }, async ({ n }) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    if (n === 3) throw new RangeError("three");
    return n * n;
  });
  const all = env.task({ name: "all", output: z.array(z.int()) }, async () =>
    flyte.map(square, [{ n: 1 }, { n: 2 }, { n: 4 }], { concurrency: 2 }),
  );
  assert.deepEqual(await all(), [1, 4, 16]);
  assert.equal(most, 2);
  const settled = await flyte.map.settled(square, [{ n: 2 }, { n: 3 }]);
  assert.deepEqual(
    settled.map((result) => result.status),
    ["fulfilled", "rejected"],
  );
  await assert.rejects(flyte.map(square, [{ n: 3 }, { n: 1 }]), /three/);
});

test("groups, traces, conditions, reports and context", async () => {
  const search = flyte.trace("search", async (query: string, count: number) => query.repeat(count));
  const plan = flyte.trace(
    { name: "plan", inputs: { goal: z.string() }, output: z.int() },
    ({ goal }) => goal.length,
  );
  const agent = env.task({ name: "agent", output: z.string(), report: true }, async (_, context) => {
    assert.equal(context.custom["tenant"], "a");
    flyte.report.log("<p>hello</p>");
    const approval = await flyte.condition("approve", { prompt: "Go on?" });
    assert.equal(await approval.wait(), true);
    return flyte.group("searching", async () => `${await search("ab", 2)}${await plan({ goal: "abc" })}`);
  });
  const run = await flyte
    .withRunContext({ mode: "local", signals: { approve: true }, customContext: { tenant: "a" } })
    .run(agent);
  assert.equal(await run.outputs(), "abab3");
  const folder = new URL(run.url);
  assert.match(await readFile(join(folder.pathname, "a0/report.html"), "utf8"), /<p>hello<\/p>/);
  assert.equal(await search("x", 3), "xxx");
  const nested = env.task({ name: "nested" }, async () => {
    await flyte.trace("bad", async () => train({ processed: "a" }))();
  });
  await assert.rejects(nested(), /inside the trace/);
});

test("a checkpoint keeps what was saved exactly", async () => {
  const saved = { at: new Date(5), seen: new Set([1n]), rest: [undefined, Buffer.from("x")] };
  const saves = env.task({ name: "saves", retries: 1 }, async (_, { attempt }) => {
    if (attempt === 2) return assert.deepStrictEqual(await flyte.checkpoint.loadJson(), saved);
    await assert.rejects(flyte.checkpoint.save({ fn: () => 1 }), {
      message: /^the checkpoint\.fn: a function/,
    });
    await flyte.checkpoint.save(saved);
    throw new Error("again");
  });
  await (await local.run(saves)).outputs();
});

test("a trace keeps its arguments and its result exactly, or refuses them by their path", async () => {
  class Counter {
    #count = 1;
    next = (): number => this.#count++;
  }
  const echo = flyte.trace("echo", async (...values: unknown[]) => values);
  const values = [
    new Date(5),
    5n,
    -0,
    Number.NaN,
    undefined,
    { a: undefined },
    new Map([["k", new Set([1])]]),
    new Uint8Array([1]),
  ];
  const file = new flyte.File("s3://bucket/key", "hash");
  const keeps = env.task({ name: "keeps" }, async () => {
    assert.deepStrictEqual(await echo(...values), values);
    const [kept] = (await echo(file)) as [flyte.File];
    assert.ok(kept instanceof flyte.File && kept.uri === file.uri && kept.hash === "hash");
    const counts = flyte.trace("counts", async () => ({ counters: [new Counter()] }));
    await assert.rejects(counts(), {
      name: "ValueError",
      message: /^counts, result\.counters\[0\]: an object of class Counter/,
    });
    await assert.rejects(echo(1, new Counter()), {
      message: /^echo, argument 2: an object of class Counter/,
    });
  });
  await (await local.run(keeps)).outputs();
});

test("a report that cannot be written does not hide why the task failed", async (t) => {
  const fails = env.task({ name: "fails", report: true }, async () => {
    flyte.report.log("<p>so far</p>");
    throw new QuotaError("limit 3", 3);
  });
  const before = process.env["TMPDIR"];
  t.after(() => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  });
  process.env["TMPDIR"] = join(tmpdir(), "not-there", "either");
  await assert.rejects((await local.run(fails)).outputs(), { name: "QuotaError", message: /limit 3/ });
});

test("a condition is answered through the run's handle, by type, in time", async () => {
  const asks = env.task({ name: "asks", output: z.int() }, async () => {
    const amount = await flyte.condition("amount", { type: "integer" });
    return amount.wait();
  });
  const run = await local.run(asks);
  const phases: string[] = [];
  for await (const { phase } of run) if (phases.push(phase) && phase === "paused") break;
  assert.deepEqual(phases, ["queued", "running", "paused"]);
  await assert.rejects(run.signal("amount", "three"), /amount wants a value of type integer/);
  await run.signal("amount", 3);
  assert.equal(await run.outputs(), 3);
  const all: string[] = [];
  for await (const { phase } of run) all.push(phase);
  assert.deepEqual(all, [...phases, "running", "succeeded"]);
  await assert.rejects(run.signal("amount", 3), /has ended; no condition amount waits/);
  const late = env.task({ name: "late" }, async () => {
    await (await flyte.condition("never", { timeout: "10ms" })).wait();
  });
  await assert.rejects((await local.run(late)).outputs(), { name: "ConditionTimeoutError" });
  const aborted = await local.run(asks);
  await aborted.abort("not needed");
  assert.equal(await aborted.wait(), "aborted");
  await aborted.abort("repeated");
  await assert.rejects(run.abort(), { code: "ALREADY_ENDED", message: /not aborted.*\(succeeded\)/u });
  const stubborn = env.task({ name: "stubborn" }, async (_, { signal }) => {
    await once(signal, "abort");
    await (await flyte.condition("too-late")).wait();
  });
  const over = await local.run(stubborn);
  await over.abort("enough");
  await assert.rejects(over.outputs(), { name: "ActionAbortedError", message: /enough/ });
});

test("the folder of a run has the report of one that failed, too; without files there is none", async () => {
  const fails = env.task({ name: "fails-with-report", report: true }, async () => {
    flyte.report.log("<p>so far</p>");
    throw new Error("no use");
  });
  const run = await local.run(fails);
  const url = run.url;
  assert.equal(await run.wait(), "failed");
  assert.equal(run.url, url);
  assert.match(await readFile(new URL(`${url}/a0/report.html`), "utf8"), /so far/);
  const named = flyte.withRunContext({ mode: "local", name: "without-files" });
  await (await named.run(train, { processed: "a" })).outputs();
  const left = (await readdir(tmpdir())).filter((name) => name.startsWith("boxkite-without-files-"));
  assert.deepEqual(left, []);
});

test("a run that exceeds its time limit has the phase of that", async () => {
  const slow = env.task({ name: "too-slow", timeout: "5ms" }, () => new Promise<void>(() => undefined));
  assert.equal(await (await local.run(slow)).wait(), "timed_out");
});

test("a run inside a local run is local, too, whatever server is configured", async () => {
  await flyte.init({ endpoint: "127.0.0.1:9", insecure: true, project: "p", domain: "d" });
  const starts = env.task({ name: "starts", output: z.string() }, async () => {
    const run = await flyte.run(train, { processed: "abc" });
    return `${run.name.startsWith("local-")} ${await run.outputs()}`;
  });
  const run = await local.run(starts);
  assert.equal(await run.outputs(), "true 3");
});

test("files and folders travel by reference", async () => {
  const folder = await mkdtemp(join(tmpdir(), "boxkite-file-"));
  await writeFile(join(folder, "a.txt"), "content");
  const shout = env.task(
    { name: "shout", inputs: { file: flyte.File }, output: flyte.File },
    async ({ file }) => flyte.File.fromBytes((await file.text()).toUpperCase(), "shouted.txt"),
  );
  const many = env.task(
    {
      name: "many",
      inputs: { files: flyte.list(flyte.File) },
      outputs: { folder: flyte.Dir, count: z.int() },
    },
    async ({ files }) => {
      const target = await mkdtemp(join(tmpdir(), "boxkite-dir-"));
      for (const file of files) await file.download(`${target}/sub/`);
      return { folder: await flyte.Dir.fromLocal(target), count: files.length };
    },
  );
  const file = await shout({ file: new flyte.File(join(folder, "a.txt")) });
  assert.equal(await file.text(), "CONTENT");
  const outputs = await many({ files: [file] });
  assert.equal(outputs.count, 1);
  const [only] = await outputs.folder.list();
  assert.match(only?.uri ?? "", /sub\/shouted\.txt$/);
});

test("a deployed task needs a stand-in in a local run", async () => {
  const python = flyte.remoteTask("training.train", {
    inputs: { processed: z.string() },
    output: z.number(),
  });
  const caller = env.task({ name: "caller", output: z.number() }, async () => python({ processed: "abc" }));
  const run = await flyte
    .withRunContext({
      mode: "local",
      remoteTasks: { "training.train": ({ processed }) => String(processed).length },
    })
    .run(caller);
  assert.equal(await run.outputs(), 3);
  await assert.rejects((await local.run(caller)).outputs(), /needs a stand-in/);
});

test("what a stand-in returns is validated as what arrives from a server is", async () => {
  const output = z.object({ loss: z.number().max(1) });
  const python = flyte.remoteTask("training.train", { inputs: { rows: z.int() }, output });
  const caller = env.task(
    { name: "caller-of-two", output: z.number() },
    async () => (await python({ rows: 2 })).loss,
  );
  const runWith = async (loss: number): Promise<number> => {
    const remoteTasks = { "training.train": () => ({ loss }) };
    return (await flyte.withRunContext({ mode: "local", remoteTasks }).run(caller)).outputs();
  };
  assert.equal(await runWith(0.5), 0.5);
  await assert.rejects(runWith(7), {
    message: /^training\.train, output o0 is not what was declared: loss: Too big[^;]*; it is 7$/,
  });
});

test("mistakes in definitions are found when they are made", () => {
  assert.throws(() => env.task({ name: "train" }, async () => undefined), /has a task train already/);
  assert.throws(() => env.task({ name: "no good" }, async () => undefined), /cannot be the name/);
  assert.throws(
    () => env.task({ name: "m", inputs: { m: z.map(z.string(), z.string()) } }, async () => undefined),
    /task local-tests\.m, input m/,
  );
  assert.throws(
    () => env.task({ name: "v", inputs: { v: v.string() as never } }, async () => undefined),
    /toStandardJsonSchema/,
  );
  assert.throws(() => env.task({ name: "t", timeout: "soon" }, async () => undefined), /not a duration/);
  const badly = (backoff: { base: string; factor?: number; cap?: string }) => () =>
    env.task({ name: "t", retries: { count: 1, backoff } }, async () => undefined);
  assert.throws(badly({ base: "1s", factor: 0.5 }), /factor of a backoff/);
  assert.throws(badly({ base: "1s", cap: "soon" }), /not a duration/);
});
