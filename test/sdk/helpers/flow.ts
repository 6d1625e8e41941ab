/** A project that tests run: tasks of every sort, and a program that starts any of them. */

export const TASKS = `
import { writeFileSync, existsSync } from "node:fs";
import * as flyte from "boxkite";
import { z } from "zod";

export const envTrain = new flyte.TaskEnvironment({ name: "training", image: flyte.Image.fromRefName("training") });
export const envData = new flyte.TaskEnvironment({
  name: "data-prep",
  image: flyte.Image.fromRefName("data-prep"),
  dependsOn: [envTrain],
});

export const train = envTrain.task(
  { name: "train", inputs: { processed: z.string() }, output: z.number() },
  async ({ processed }) => {
    console.log("training on", processed);
    return processed.length;
  },
);

export const prepare = envData.task(
  { name: "prepare", inputs: { raw: z.string().default("Hello World") }, output: z.number() },
  async ({ raw }) => train({ processed: raw.trim().toLowerCase() }),
);

export class QuotaError extends Error {
  override readonly name = "QuotaError";
  readonly limit: number;
  constructor(message: string, limit: number) {
    super(message);
    this.limit = limit;
  }
}
flyte.registerError(QuotaError);

export const fails = envTrain.task({ name: "fails" }, async () => {
  throw new QuotaError("no more", 3);
});

export const catches = envData.task({ name: "catches", output: z.string() }, async () => {
  try {
    await fails();
  } catch (error) {
    if (error instanceof QuotaError) return error.message + " " + error.limit + " " + (error.stack ?? "").includes("workflow-code/tasks.ts");
    throw error;
  }
  return "nothing was thrown";
});

export const failsDeeply = envTrain.task({ name: "fails-deeply" }, async () => {
  const errors = [new QuotaError("first", 1), new RangeError("second")];
  const cause = new TypeError("why", { cause: new QuotaError("root", 9) });
  throw Object.assign(new AggregateError(errors, "the rows\\n  at 3 are wrong", { cause }), { at: new Date(5) });
});

export const catchesDeeply = envData.task({ name: "catches-deeply", output: z.array(z.string()), retries: 1 }, async (_, { attempt }) => {
  const error = await failsDeeply().catch((error) => error);
  if (attempt === 1) throw error;
  const { name, message, at, errors, cause } = error;
  return [name, message, at.toISOString(), errors[0] instanceof QuotaError, errors[1].name, cause.message, cause.cause.limit].map(String);
});

export const square = envTrain.task({ name: "square", inputs: { n: z.int() }, output: z.int() }, async ({ n }) => n * n);

export const fan = envData.task({ name: "fan", inputs: { n: z.int() }, output: z.array(z.int()) }, async ({ n }) =>
  flyte.map(square, Array.from({ length: n }, (_, index) => ({ n: index })), { concurrency: 8 }),
);

const Config = z.object({ depth: z.int(), rate: z.number(), at: z.date(), tags: z.array(z.string()) });

export const echo = envTrain.task(
  {
    name: "echo",
    inputs: {
      text: z.string(),
      whole: z.int(),
      real: z.number(),
      flag: z.boolean(),
      when: z.date(),
      long: z.iso.duration(),
      colour: z.enum(["red", "green"]),
      items: z.array(z.int()),
      scores: z.record(z.string(), z.number()),
      config: Config,
      maybe: z.string().nullish(),
      file: flyte.File,
    },
    outputs: {
      text: z.string(), whole: z.int(), real: z.number(), flag: z.boolean(), when: z.date(), long: z.iso.duration(),
      colour: z.enum(["red", "green"]), items: z.array(z.int()), scores: z.record(z.string(), z.number()),
      config: Config, maybe: z.string().nullish(), file: flyte.File,
    },
  },
  async (inputs) => inputs,
);

export const echoes = envData.task({ name: "echoes", output: z.string() }, async () => {
  const file = await flyte.File.fromBytes("content", "a.txt");
  const values = {
    text: "ü", whole: 3, real: 2, flag: true, when: new Date(1700000000123), long: "PT1H30M", colour: "green" as const,
    items: [1, 2], scores: { a: 0.5, b: 1 }, config: { depth: 1, rate: 2, at: new Date(5), tags: ["x"] }, maybe: null, file,
  };
  const back = await echo(values);
  const { file: sent, ...plain } = values;
  const { file: got, ...rest } = back;
  return JSON.stringify(plain) === JSON.stringify(rest) && (await got.text()) === (await sent.text())
    ? "the same"
    : JSON.stringify([plain, rest]);
});

const step = flyte.trace("step", async (mark: string, n: number) => {
  writeFileSync(mark + "-step-" + n + "-" + Date.now(), "");
  return n * 2;
});

export const marked = envTrain.task(
  { name: "marked", inputs: { mark: z.string(), n: z.int() }, output: z.int() },
  async ({ mark, n }) => {
    writeFileSync(mark + "-child-" + n + "-" + Date.now(), "");
    return n + 100;
  },
);

/** Its first attempt dies in the middle of a fan-out. */
export const dies = envData.task(
  { name: "dies", inputs: { mark: z.string() }, output: z.array(z.int()), retries: 2 },
  async ({ mark }, { attempt }) => {
    const steps = [await step(mark, 1), await step(mark, 2)];
    const first = await flyte.map(marked, [1, 2].map((n) => ({ mark, n })));
    if (attempt === 1) {
      await Promise.race([
        flyte.map(marked, [3, 4].map((n) => ({ mark, n }))),
        new Promise((resolve) => setTimeout(resolve, 200)),
      ]);
      process.kill(process.pid, "SIGKILL");
    }
    const rest = await flyte.map(marked, [3, 4].map((n) => ({ mark, n })));
    return [...steps, ...first, ...rest];
  },
);

export const flaky = envData.task({ name: "flaky", output: z.int(), retries: 2, report: true }, async (_, { attempt }) => {
  const saved = await flyte.checkpoint.loadJson<number>();
  flyte.report.log("<p>attempt " + attempt + "</p>");
  if (attempt < 3) {
    await flyte.checkpoint.save(attempt);
    throw new Error("not yet");
  }
  return (saved ?? 0) * 10 + attempt;
});

export const asks = envData.task({ name: "asks", output: z.string() }, async () => {
  const approval = await flyte.condition("approve", { prompt: "Go on?" });
  return (await approval.wait()) ? "went on" : "stopped";
});

export const pause = envData.sleep({ name: "pause" });
const nap = flyte.remoteTask("naps.nap", { inputs: { time: z.iso.duration() }, outputs: {} });

export const sleeps = envData.task({ name: "sleeps", inputs: { mark: z.string() } }, async ({ mark }, { signal }) => {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, 60_000);
    signal.addEventListener("abort", () => {
      writeFileSync(mark + "-aborted", "");
      clearTimeout(timer);
      resolve();
    });
  });
});

const python = flyte.remoteTask("py.measure", { inputs: { text: z.string(), times: z.int() }, output: z.number() });
const untyped = flyte.remoteTask("py.measure");
const wrong = flyte.remoteTask("py.measure", { inputs: { text: z.int() }, output: z.number() });

const Report = z.object({ loss: z.number(), at: z.date(), tags: z.array(z.string()) });
const report = flyte.remoteTask("py.report", { inputs: { config: z.object({ n: z.int(), at: z.date() }) }, output: Report });
const config = { n: 3, at: new Date(5) };
const stricter = flyte.remoteTask("py.report", { inputs: { config: z.object({ n: z.int(), at: z.date() }) }, output: Report.extend({ loss: z.number().max(1) }) });
const different = flyte.remoteTask("py.report", { inputs: { config: z.object({ n: z.string() }) }, output: Report.extend({ tags: z.int() }) });

export const readsReports = envData.task({ name: "reads-reports", output: z.array(z.string()) }, async () => {
  const { loss, at, tags } = await report({ config });
  const message = (error: Error) => error.name + ": " + error.message;
  return [
    [loss, at.getTime(), tags.length].join(" "),
    String(await stricter({ config }).catch(message)),
    String(await different({ config: { n: "3" } }).catch(message)),
    String(await flyte.remoteTask("py.report")({ config: { n: 3.5, at: config.at } }).catch(message)),
  ];
});

export const callsPython = envData.task({ name: "calls-python", output: z.string() }, async () => {
  const a = await python({ text: "abc", times: 2 });
  const b = await untyped({ text: "ab" });
  const c = await wrong({ text: 1 } as never).catch((error: Error) => error.message);
  await nap({ time: "PT0.01S" });
  return [a, b, c].join(" | ");
});

export const context = envData.task({ name: "context", output: z.record(z.string(), z.unknown()) }, async () => {
  const { action, attempt, custom, mode, taskName, version } = flyte.context();
  return { name: action.name, attempt, custom, mode, taskName, version, variable: process.env["MY_VARIABLE"] };
});

export const nested = envTrain.task({ name: "nested", output: z.record(z.string(), z.unknown()) }, async () => flyte.context().custom);
export const passes = envData.task({ name: "passes", output: z.record(z.string(), z.unknown()) }, async () => nested());
void existsSync;
`;

export const MAIN = `
import * as flyte from "boxkite";
import * as tasks from "./workflow-code/tasks.ts";

const [config = "", name = "", inputs = "{}", options = "{}"] = process.argv.slice(2);
await flyte.initFromConfig({ config, images: { training: "localhost/training:1", "data-prep": "localhost/data-prep:1" } });
if (name === "deploy") {
  console.log(JSON.stringify(await flyte.deploy(tasks.envData, JSON.parse(options))));
} else {
  const task = (tasks as unknown as Record<string, flyte.Task<Record<string, unknown>, unknown>>)[name];
  if (task === undefined) throw new Error("no task " + name);
  const run = await flyte.withRunContext(JSON.parse(options)).run(task, JSON.parse(inputs));
  const phases: string[] = [];
  for await (const { phase } of run) phases.push(phase);
  const result = { name: run.name, url: run.url, phases, outputs: null as unknown, error: null as unknown };
  try {
    result.outputs = (await run.outputs()) ?? null;
  } catch (error) {
    result.error = error instanceof Error ? { ...error, name: error.name, message: error.message } : String(error);
  }
  console.log(JSON.stringify(result));
}
`;
