/** Tasks that end in every way that a container can, each in three environments: cold, in one-shot and in resident workers. */

export const TASKS = `
import { existsSync } from "node:fs";
import * as flyte from "boxkite";
import { z } from "zod";

const common = { image: process.env["TASK_IMAGE"] ?? "unknown:1", resources: { memory: "256Mi" } } as const;
const environments = [
  new flyte.TaskEnvironment({ name: "cold", warmStart: "off", ...common }),
  new flyte.TaskEnvironment({ name: "one_shot", warmStart: "one-shot", ...common }),
  new flyte.TaskEnvironment({ name: "resident", reusable: { replicas: 1 }, ...common }),
];
const main = new flyte.TaskEnvironment({ name: "main", dependsOn: environments, ...common, warmStart: "off" });

const define = (env: flyte.TaskEnvironment) => ({
  isWarm: env.task({ name: "is-warm", output: z.boolean() }, async () => existsSync("/run/boxkite/worker")),
  says: env.task({ name: "says", inputs: { n: z.int() }, output: z.string() }, async ({ n }) => {
    console.log("to stdout", n);
    console.error("to stderr", n);
    return process.env["ACTION_NAME"] === flyte.context().action.name ? "its own" : "another's";
  }),
  fails: env.task({ name: "fails" }, async () => {
    console.log("about to fail");
    throw new RangeError("out of range");
  }),
  exits: env.task({ name: "exits" }, async () => process.exit(4)),
  late: env.task({ name: "late", timeout: "1s" }, async () => new Promise<void>(() => setTimeout(() => undefined, 60_000))),
  grows: env.task({ name: "grows", output: z.int() }, async () => {
    const kept: Buffer[] = [];
    while (kept.length < 1_000) kept.push(Buffer.alloc(8 << 20, 1));
    return kept.length;
  }),
  held: env.task({ name: "held" }, async (_, { signal }) => {
    console.log("waiting");
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    console.log("told to end");
  }),
});
export const tasks = Object.fromEntries(environments.map((env) => [env.name, define(env)]));

/** Calls each one after the other, once there is a worker, and returns what its caller saw. */
export const calls = main.task(
  { name: "calls", inputs: { mode: z.string() }, output: z.record(z.string(), z.string()) },
  async ({ mode }) => {
    const { isWarm, says, fails, exits, late, grows } = tasks[mode] as ReturnType<typeof define>;
    while (mode !== "cold" && !(await isWarm())) await new Promise((resolve) => setTimeout(resolve, 500));
    const seen: Record<string, string> = {};
    const note = async (name: string, call: () => Promise<unknown>) => {
      seen[name] = await call().then(String, (error: Error & { code?: string }) => error.name + " " + (error.code ?? ""));
    };
    await note("says", () => says({ n: 1 }));
    await note("fails", fails);
    await note("exits", exits);
    await note("late", late);
    await note("grows", grows);
    return seen;
  },
);
`;

export const MAIN = `
import * as flyte from "boxkite";
import { calls, tasks } from "./tasks.ts";
const [config = "", mode = ""] = process.argv.slice(2);
await flyte.initFromConfig({ config });
const run = await flyte.run(calls, { mode });
const seen = await run.outputs();
const held = await flyte.run(tasks[mode]!.held);
for await (const { message } of held.logs()) if (message === "waiting") break;
await held.abort("enough");
console.log(JSON.stringify({ run: run.name, seen, held: held.name, phase: await held.wait() }));
`;
