/** What the compiler lets authors write, and what it must not. Checked by `tsc`; running it only defines the tasks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import * as flyte from "../../src/sdk/index.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Compiles only if the two types are one. */
function same<A, B>(..._proof: Equal<A, B> extends true ? [] : [never]): void {}

const env = new flyte.TaskEnvironment({
  name: "types",
  resources: { cpu: ["1", "4"], memory: "2Gi" },
  retries: 1,
});

const train = env.task(
  { name: "train", inputs: { processed: z.string() }, output: z.number() },
  async ({ processed }) => {
    same<typeof processed, string>();
    return processed.length;
  },
);

const many = env.task(
  {
    name: "many",
    inputs: { raw: z.string().default("x"), n: z.int().optional(), config: type({ a: "string" }) },
    outputs: { length: z.int(), when: z.date() },
  },
  ({ raw, n, config }, context) => {
    same<typeof raw, string>();
    same<typeof n, number | undefined>();
    same<typeof config, { a: string }>();
    same<typeof context, flyte.TaskContext>();
    return { length: raw.length + (n ?? 0), when: new Date(0) };
  },
);

const nothing = env.task({ name: "nothing" }, () => undefined);
const pause = env.sleep({ name: "pause", cache: "auto", retries: 1, timeout: "1h" });
const transformed = env.task(
  { name: "transformed", inputs: { n: z.string().transform(Number).pipe(z.number()) } },
  ({ n }) => same<typeof n, number>(),
);

async function calls(): Promise<void> {
  same<Awaited<ReturnType<typeof train>>, number>();
  same<Awaited<ReturnType<typeof many>>, { length: number; when: Date }>();
  same<Awaited<ReturnType<typeof nothing>>, void>();
  await train({ processed: "a" });
  await many({ config: { a: "a" } });
  await many({ raw: "a", n: 1, config: { a: "a" } });
  await nothing();
  await transformed({ n: "1" });
  await pause({ duration: "1h" });
  await pause({ duration: 1_000 });
  same<Awaited<ReturnType<typeof pause>>, void>();
  await flyte.sleep("1h30m");
  // @ts-expect-error -- a duration is a text or a number
  await pause({ duration: new Date() });
  // @ts-expect-error -- how long is required
  await pause();
  // @ts-expect-error -- it runs in no container
  env.sleep({ name: "sized", resources: { cpu: 1 } });

  // @ts-expect-error -- the input is a string
  await train({ processed: 1 });
  // @ts-expect-error -- the input is required
  await train({});
  // @ts-expect-error -- the argument is required
  await train();
  // @ts-expect-error -- there is no such input
  await train({ processed: "a", extra: 1 });
  // @ts-expect-error -- inputs go by name
  await train("a");
  // @ts-expect-error -- callers pass what the schema takes, not what it makes
  await transformed({ n: 1 });
  // @ts-expect-error -- the output is a number
  const text: string = await train({ processed: "a" });
  // @ts-expect-error -- there is no such output
  void (await many({ config: { a: "a" } })).width;
  void text;

  const results = await flyte.map(train, [{ processed: "a" }], { concurrency: 2 });
  same<typeof results, number[]>();
  const settled = await flyte.map.settled(train, [{ processed: "a" }]);
  same<typeof settled, PromiseSettledResult<number>[]>();
  // @ts-expect-error -- each element is the whole argument
  await flyte.map(train, ["a"]);

  const run = await flyte.run(train, { processed: "a" });
  same<Awaited<ReturnType<typeof run.outputs>>, number>();
  same<Awaited<ReturnType<typeof run.wait>>, flyte.Phase>();
  await flyte.run(nothing);
  await flyte.withRunContext({ mode: "local" }).run(many, { config: { a: "a" } });
  // @ts-expect-error -- the input is a string
  await flyte.run(train, { processed: 1 });
  // @ts-expect-error -- the inputs are required
  await flyte.run(train);
  // @ts-expect-error -- there is no such mode
  flyte.withRunContext({ mode: "cloud" });

  const approval = await flyte.condition("approve");
  same<Awaited<ReturnType<typeof approval.wait>>, boolean>();
  const amount = await flyte.condition("amount", { type: "integer" });
  same<Awaited<ReturnType<typeof amount.wait>>, number>();
  // @ts-expect-error -- there is no such type
  await flyte.condition("date", { type: "date" });

  const big = train.override({ resources: { memory: "8Gi" }, timeout: "10m" });
  same<typeof big, typeof train>();
  // @ts-expect-error -- there is no such setting
  train.override({ memory: "8Gi" });
}

declare module "../../src/sdk/authoring/remote-task.ts" {
  interface RemoteTasks {
    "types.known": flyte.Task<{ text: string }, number>;
  }
}

async function references(): Promise<void> {
  const known = flyte.remoteTask("types.known", { autoVersion: "latest" });
  same<typeof known, flyte.Task<{ text: string }, number>>();
  const declared = flyte.remoteTask("a.b", {
    version: "v1",
    inputs: { n: z.int() },
    output: z.object({ rows: z.int() }),
  });
  same<Awaited<ReturnType<typeof declared>>, { rows: number }>();
  const unknown = flyte.remoteTask("c.d");
  same<Awaited<ReturnType<typeof unknown>>, unknown>();
  // @ts-expect-error -- the input is a number
  await declared({ n: "1" });
  // @ts-expect-error -- the input is a string
  await known({ text: 1 });
}

function literals(): void {
  env.task({ name: "enum", output: z.enum(["a", "b"]) }, () => "a");
  env.task(
    { name: "object", output: z.object({ kind: z.literal("a"), pair: z.tuple([z.int(), z.string()]) }) },
    async () => ({
      kind: "a",
      pair: [1, "x"],
    }),
  );
  env.task(
    { name: "named", inputs: { n: z.int() }, outputs: { kind: z.literal("a"), size: z.enum(["s", "l"]) } },
    async ({ n }) => ({ kind: "a", size: n > 1 ? "l" : "s" }),
  );
}

function definitions(): void {
  // @ts-expect-error -- the function returns a string, the output is a number
  env.task({ name: "wrong-output", output: z.number() }, async () => "text");
  // @ts-expect-error -- an output is missing
  env.task({ name: "missing-output", outputs: { a: z.int(), b: z.int() } }, async () => ({ a: 1 }));
  // @ts-expect-error -- one or the other
  env.task({ name: "both", output: z.int(), outputs: { a: z.int() } }, async () => 1);
  // @ts-expect-error -- there is no such input
  env.task({ name: "no-input", inputs: { a: z.int() } }, async ({ b }) => void b);
  // @ts-expect-error -- Valibot has no JSON Schema of its own
  env.task({ name: "valibot", inputs: { a: v.string() } }, async () => undefined);
  env.task({ name: "adapted", inputs: { a: toStandardJsonSchema(v.string()) } }, async ({ a }) =>
    same<typeof a, string>(),
  );
  env.task(
    { name: "files", inputs: { a: flyte.File, b: flyte.list(flyte.Dir) }, output: flyte.File },
    async ({ a, b }) => {
      same<typeof a, flyte.File>();
      same<typeof b, flyte.Dir[]>();
      return a;
    },
  );
  // @ts-expect-error -- retries are a number or a policy
  env.task({ name: "retries", retries: "3" }, async () => undefined);
  // @ts-expect-error -- an image is made by its factories
  void new flyte.Image();
  // @ts-expect-error -- the name is required
  void new flyte.TaskEnvironment({});

  const traced = flyte.trace("step", async (a: string, b: number) => a.repeat(b));
  same<typeof traced, (a: string, b: number) => Promise<string>>();
  const typed = flyte.trace(
    { name: "typed", inputs: { a: z.string() }, output: z.int() },
    ({ a }) => a.length,
  );
  same<Awaited<ReturnType<typeof typed>>, number>();
  // @ts-expect-error -- the input is a string
  void typed({ a: 1 });
}

test("types are checked by the compiler", () => {
  assert.equal(typeof calls, "function");
  assert.equal(typeof references, "function");
  assert.equal(typeof literals, "function");
  assert.equal(typeof definitions, "function");
});
