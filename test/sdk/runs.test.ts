/** What the handle of a run can do, runs that repeat others, and runs that a task starts; on a real server. */
import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { startServer } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded } from "../helpers/stock-sdk.ts";
import { createProject } from "./helpers/package.ts";

const TASKS = `
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as flyte from "boxkite";
import { z } from "zod";

export const env = new flyte.TaskEnvironment({ name: "e", image: "unused:1" });

export const double = env.task({ name: "double", inputs: { n: z.int(), at: z.date().optional() }, output: z.int() }, async ({ n }) => {
  console.log("doubling", n);
  return 2 * n;
});

export const stamp = env.task({ name: "stamp", inputs: { at: z.date(), by: z.int() }, output: z.date() }, async ({ at, by }) =>
  new Date(at.getTime() + by));

export const outer = env.task({ name: "outer", inputs: { n: z.int() }, output: z.int() }, async ({ n }) => double({ n: n + 1 }));

const once = flyte.trace("once", async (n: number) => (await flyte.run(double, { n })).name);

export const starts = env.task(
  { name: "starts", output: z.object({ runs: z.array(z.string()), sum: z.int(), url: z.string(), refused: z.string() }), retries: 1 },
  async (_, { attempt }) => {
    const traced = await once(1);
    if (attempt === 1) throw new Error("again");
    const named = await flyte.withRunContext({ name: "started-inside", env: { A: "b" } }).run(outer, { n: 2 });
    const repeated = await flyte.rerun(named);
    const refused = await flyte.withRunContext({ copyStyle: "all" }).run(double, { n: 1 }).then(() => "", (error) => error.message);
    const sum = (await named.outputs()) + (await repeated.outputs());
    return { runs: [traced, named.name, repeated.name], sum, url: named.url, refused };
  },
);

const keep = flyte.trace("keep", async (at: Date, attempt: number) => ({ at, big: 2n ** 70n, map: new Map([[at, undefined]]), zero: -0, attempt }));
const fatal = flyte.trace("fatal", async () => { throw new flyte.NonRecoverableError("for good"); });

/** What each attempt gets from its traces: the second reads the records. */
export const keeps = env.task({ name: "keeps", output: z.array(z.string()), retries: 1 }, async (_, { attempt }) => {
  const { at, big, map, zero, attempt: of } = await keep(new Date(5), 1);
  const error = await fatal().catch((error) => error);
  const seen = [at.toISOString(), typeof big, String([...map.keys()][0] instanceof Date), String(Object.is(zero, -0)), String(of),
    String(error instanceof flyte.NonRecoverableError), error.message];
  console.log(seen.join(" "));
  if (attempt === 1) throw new Error("again");
  return seen;
});

/** Fails until the mark is there; one child is done by then, and says when it ran. */
export const stops = env.task({ name: "stops", inputs: { mark: z.string() }, output: z.int() }, async ({ mark }) => {
  const n = await marked({ mark });
  if (!existsSync(mark)) throw new Error("no mark");
  return n;
});
export const marked = env.task({ name: "marked", inputs: { mark: z.string() }, output: z.int() }, async ({ mark }) => {
  for (let n = 1; ; n++) if (!existsSync(mark + "-" + n)) { writeFileSync(mark + "-" + n, ""); return n; }
});

export const asks = env.task({ name: "asks", output: z.number() }, async () => {
  const amount = await flyte.condition("amount", { type: "number" });
  return amount.wait();
});

export const made = env.task({ name: "made", output: flyte.Dir }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "boxkite-made-"));
  mkdirSync(join(folder, "sub"));
  writeFileSync(join(folder, "sub/a.txt"), "inside");
  return flyte.Dir.fromLocal(folder);
});
export const shows = env.task({ name: "shows", inputs: { n: z.int() }, output: z.string() }, async ({ n }) => {
  if (n === 2) throw new RangeError("two");
  return process.env["SHOWN"] + " " + n;
});
export const mixed = env.task({ name: "mixed", output: z.array(z.string()) }, async () => {
  const [file] = await (await made()).list();
  const seen = shows.override({ env: { SHOWN: "seen" } });
  const grouped = await flyte.group("shown", () => seen({ n: 0 }));
  const settled = await flyte.map.settled(seen, [{ n: 1 }, { n: 2 }]);
  return [(await file?.text()) ?? "", grouped, ...settled.map((one) => (one.status === "fulfilled" ? one.value : String(one.reason.name)))];
});

export const version = env.task({ name: "version", output: z.string() }, async () => flyte.context().version);
export const versions = env.task({ name: "versions", output: z.array(z.string()) }, async () => {
  const of = (autoVersion: "current" | "latest") => flyte.remoteTask("e.version", { autoVersion, output: z.string() })();
  return [await of("current"), await of("latest")];
});

export const measures = env.task({ name: "measures", inputs: { text: z.string() }, output: z.int() }, async ({ text }) => text.length);
const large = "x".repeat(65 * 2 ** 20);
export const exceeds = env.task({ name: "exceeds", output: z.array(z.string()) }, async () => {
  const calls = [
    () => measures({ text: large }),
    () => measures.override({ secrets: ["key"] })({ text: "" }),
    () => measures.override({ env: { BIG: "x".repeat(200_000) } })({ text: "" }),
    () => measures.override({ resources: { gpu: "A100:1" } })({ text: "" }),
  ];
  const refusal = (error: flyte.TaskError) => error.kind + " " + error.code + " " + error.message;
  return Promise.all(calls.map((call) => call().then(() => "accepted", refusal)));
});

export const pause = env.sleep({ name: "pause" });
export const cut = env.sleep({ name: "cut", timeout: "1s" });
export const cached = env.sleep({ name: "cached", cache: "auto" });

/** What the sleeps of both attempts ended with. */
export const waits = env.task({ name: "waits", output: z.array(z.string()), retries: 1 }, async (_, { attempt }) => {
  await Promise.all([pause({ duration: "20ms" }), flyte.sleep(10), cached({ duration: 20 })]);
  await cached({ duration: "PT0.02S" });
  if (attempt === 1) throw new Error("again");
  const error = await cut({ duration: "1h" }).catch((error) => error);
  const wrong = await pause({ duration: "soon" }).catch((error) => error.message);
  return [error.name + " " + error.bound, wrong];
});

export const sleeps = env.task({ name: "sleeps", inputs: { mark: z.string() } }, async ({ mark }, { signal }) => {
  console.log("sleeping");
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
  writeFileSync(mark, "");
});
`;

const MAIN = `
import { writeFileSync } from "node:fs";
import * as flyte from "boxkite";
import { z } from "zod";
import * as tasks from "./tasks.ts";

const [endpoint = "", what = "", mark = ""] = process.argv.slice(2);
await flyte.init({ endpoint, insecure: true, project: "flytesnacks", domain: "development" });
const message = (error: Error): string => error.name + ": " + error.message;

const programs: Record<string, () => Promise<unknown>> = {
  async exceeds() {
    const own = await flyte.run(tasks.measures, { text: "x".repeat(65 * 2 ** 20) }).catch((error) => error.code + " " + error.message);
    return [own, ...(await (await flyte.run(tasks.exceeds)).outputs())];
  },
  async logs() {
    const run = await flyte.run(tasks.double, { n: 21 });
    const lines: string[] = [];
    for await (const { message, source } of run.logs()) if (source === "user") lines.push(message);
    return [lines, await run.outputs()];
  },
  async rerun() {
    const first = await flyte.withRunContext({ env: { A: "1", B: "2" }, labels: { team: "a" } }).run(tasks.stamp, { at: new Date(1000), by: 5 });
    await first.outputs();
    const same = await flyte.rerun(first, { env: { B: "3" } });
    const changed = await flyte.rerun(first.name, { inputs: { by: 7 }, name: "changed" });
    const wrong = await flyte.rerun(first, { inputs: { nothing: 1 } }).catch(message);
    const missing = await flyte.rerun("no-such-run").catch(message);
    const nested = await flyte.run(tasks.outer, { n: 4 });
    await nested.outputs();
    const there = await flyte.withRunContext({ domain: "staging" }).run(tasks.double, { n: 5 });
    await there.outputs();
    const stays = await flyte.rerun(there);
    const moved = await flyte.rerun(there, { domain: "development", inputs: { n: 6 } });
    const places = [[stays.url, await stays.outputs()], [moved.url, await moved.outputs()]];
    const torn = await flyte.rerun(there, { recover: true, domain: "development" }).catch(message);
    return { places, torn, first: first.name, same: same.name, at: await same.outputs(), changed: [changed.name, await changed.outputs()], wrong, missing, nested: nested.name };
  },
  async child() {
    const run = await flyte.rerun(mark.split("/")[0] ?? "", { action: mark.split("/")[1] ?? "" });
    return run.outputs();
  },
  async recover() {
    const failed = await flyte.run(tasks.stops, { mark });
    await failed.wait();
    writeFileSync(mark, "");
    const recovered = await flyte.rerun(failed, { recover: true });
    const one = await recovered.outputs();
    const all = await (await flyte.rerun(failed)).outputs();
    return [one, all, await flyte.rerun(failed, { forceRerunActions: ["x"] }).catch(message)];
  },
  async signal() {
    const run = await flyte.run(tasks.asks);
    for await (const { phase } of run) if (phase === "paused") break;
    const wrong = await run.signal("amount", "much").catch((error: Error) => error.message);
    await run.signal("amount", 2);
    const outputs = await run.outputs();
    return [wrong, outputs, await run.signal("amount", 1).catch((error: Error) => error.message)];
  },
  async abort() {
    const run = await flyte.run(tasks.sleeps, { mark });
    const phases: string[] = [];
    for await (const { message } of run.logs()) if (message === "sleeping") break;
    await run.abort("enough");
    for await (const { phase } of run) phases.push(phase);
    return [phases.at(-1), await run.outputs().catch(message)];
  },
  async waits() {
    const run = await flyte.run(tasks.waits);
    const outputs = await run.outputs();
    const held = await flyte.run(tasks.pause, { duration: "1h" });
    for await (const { phase } of held) if (phase === "running") break;
    await held.abort("enough");
    return [run.name, outputs, await held.wait(), (await (await flyte.run(tasks.pause, { duration: 5 })).outputs()) ?? null];
  },
  async mixed() {
    const run = await flyte.run(tasks.mixed);
    return [run.name, await run.outputs()];
  },
  async keeps() {
    return (await flyte.run(tasks.keeps)).outputs();
  },
  async versions() {
    for (const version of ["v1", "v2"]) await flyte.deploy(tasks.env, { version });
    const declared = (output: z.ZodType) => flyte.remoteTask("e.versions", { version: "v1", output })().catch(message);
    return [
      await flyte.remoteTask("e.versions", { version: "v1" })({}),
      await declared(z.array(z.int())),
      await declared(z.array(z.string().max(1))),
    ];
  },
  async starts() {
    const run = await flyte.withRunContext({ name: "outermost" }).run(tasks.starts);
    return run.outputs();
  },
};
console.log(JSON.stringify(await programs[what]?.()));
`;

const RELATIONS = `
import json, sys, flyte
from flyte.remote import Action, Run
flyte.init(endpoint=sys.argv[1], insecure=True, project="flytesnacks", domain="development")
def of(name):
    spec = Run.get(name).details().pb2.run_spec
    return [spec.relation.related_to.name, spec.relation.relation_type, {e.key: e.value for e in spec.envs.values}, dict(spec.labels.values)]
runs = sys.argv[2].split(",")
print(json.dumps({name: of(name) for name in runs}))
children = [a for a in Action.listall(for_run_name=runs[-1]) if a.name != "a0"]
print(json.dumps([[a.name, a.pb2.metadata.group, a.task_name, a.pb2.status.cache_status] for a in children]))
print(json.dumps([run.name for run in Run.listall() if of(run.name)[0] == "outermost"]))
`;

type Relation = [related: string, type: number, env: object, labels: object];
/** Of flyteidl2.common.RelationType. */
const [RERUN, SPAWN] = [1, 3];

test("runs", async (t) => {
  const python = stockPython();
  const project = createProject({ "main.ts": MAIN, "tasks.ts": TASKS, "relations.py": RELATIONS });
  const { directory } = project;
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const server = await startServer(t, {
    args: ["--engine", "process", "--ephemeral"],
    env: { PATH: `${project.bin}${delimiter}${process.env["PATH"] ?? ""}` },
  });
  const endpoint = `localhost:${server.port}`;
  const program = async <T>(...args: string[]): Promise<T> => {
    // A stream that a program leaves open keeps it alive for a minute and more.
    const options = { cwd: directory, timeoutMs: 50_000 };
    const result = await runProgram(process.execPath, ["main.ts", endpoint, ...args], options);
    return JSON.parse(succeeded(result).stdout.trim().split("\n").at(-1) ?? "") as T;
  };
  const relations = async (
    ...runs: string[]
  ): Promise<
    [Record<string, Relation>, [name: string, group: string, task: string, cache: number][], string[]]
  > => {
    const result = await runProgram(python, ["relations.py", endpoint, runs.join(",")], { cwd: directory });
    const lines = succeeded(result).stdout.trim().split("\n").slice(-3);
    return lines.map((line) => JSON.parse(line) as unknown) as Awaited<ReturnType<typeof relations>>;
  };

  await t.test("the log of a run, to its end", async () => {
    assert.deepEqual(await program("logs"), [["doubling 21"], 42]);
  });

  await t.test("rerun: the same inputs and settings, changed ones, one action", async () => {
    const result = await program<{
      first: string;
      same: string;
      at: string;
      changed: [string, string];
      wrong: string;
      missing: string;
      nested: string;
      places: [url: string, output: number][];
      torn: string;
    }>("rerun");
    const [stays, moved] = result.places;
    assert.deepEqual([stays?.[1], moved?.[1]], [10, 12]);
    assert.match(stays?.[0] ?? "", /\/domain\/staging\//, "a handle knows where its run is");
    assert.match(moved?.[0] ?? "", /\/domain\/development\//);
    assert.match(result.torn, /is in flytesnacks\/staging, and a recovery stays there/);
    assert.equal(result.at, new Date(1005).toISOString());
    assert.deepEqual(result.changed, ["changed", new Date(1007).toISOString()]);
    assert.match(result.wrong, /e\.stamp has no input nothing; its inputs are at, by/);
    assert.match(result.missing, /no-such-run/);
    const [of, children] = await relations(result.same, "changed", result.nested);
    assert.deepEqual(of[result.same], [result.first, RERUN, { A: "1", B: "3" }, { team: "a" }]);
    assert.deepEqual(of["changed"], [result.first, RERUN, { A: "1", B: "2" }, { team: "a" }]);
    assert.equal(await program("child", `${result.nested}/${children[0]?.[0]}`), 10);
  });

  await t.test("rerun with recover: what succeeded is taken over", async () => {
    const [recovered, all, refused] = await program<[number, number, string]>(
      "recover",
      join(directory, "mark"),
    );
    assert.equal(recovered, 1, "the child did not run again");
    assert.equal(all, 2, "without recover it did");
    assert.match(refused, /pass recover: true/);
  });

  await t.test("signal answers a condition, by its type", async () => {
    const [wrong, outputs, late] = await program<[string, number, string]>("signal");
    assert.match(wrong, /amount wants a value of type float, not str/);
    assert.equal(outputs, 2);
    assert.match(late, /has ended; no condition amount waits/);
  });

  await t.test(
    "abort: the signal of the task is aborted, and the run's outputs say why there are none",
    async () => {
      const mark = join(directory, "told");
      const [phase, error] = await program<[string, string]>("abort", mark);
      assert.equal(phase, "aborted");
      assert.match(error, /^ActionAbortedError: .*enough/);
      assert.ok(existsSync(mark));
    },
  );

  await t.test("folders, groups, overrides and settled failures, between processes", async () => {
    const [run, outputs] = await program<[string, string[]]>("mixed");
    assert.deepEqual(outputs, ["inside", "seen 0", "seen 1", "RangeError"]);
    const [, children] = await relations(run);
    assert.deepEqual(children.map(([, group, task]) => `${task} ${group}`).toSorted(), [
      "e.made ",
      "e.shows e.shows_map",
      "e.shows e.shows_map",
      "e.shows shown",
    ]);
  });

  await t.test(
    "sleeps: as children that the next attempt finds, cached, cut off, aborted, and as runs",
    async () => {
      const [run, seen, held, result] = await program<[string, string[], string, null]>("waits");
      assert.equal(seen[0], "TaskTimeoutError maxRuntime");
      assert.match(seen[1] ?? "", /^e\.pause, input duration: "soon" is not a duration/u);
      assert.deepEqual([held, result], ["aborted", null]);
      const [, children] = await relations(run);
      const tasks = children.map(([, , task, cache]) => `${task} ${cache}`).toSorted();
      assert.deepEqual(tasks, ["e.cached 2", "e.cached 3", "e.cut 0", "e.pause 0", "flyte.sleep 0"]);
    },
  );

  await t.test("what a call may not carry is refused with what it is, here and in a task", async () => {
    const [own = "", ...inTask] = await program<string[]>("exceeds");
    assert.match(own, /^LIMIT_EXCEEDED the inputs of task e\.measures have 68,157,.*the largest is "text"/u);
    const rows: readonly RegExp[] = [
      /^user LIMIT_EXCEEDED .*inputs of task e\.measures have 68,157,.*"text"; hint: .*File/u,
      /^user FIELD_NOT_SUPPORTED .*task e\.measures asks for secrets.*hint: leave secrets out/u,
      /^user LIMIT_EXCEEDED .*"BIG" of task e\.measures has 200,004 bytes/u,
      /^user FIELD_NOT_SUPPORTED .*one model of GPU.*gpu: 1/u,
    ];
    for (const [index, row] of rows.entries()) assert.match(inTask[index] ?? "", row);
  });

  await t.test("what a trace returns and throws is the same from its record", async () => {
    const same = ["1970-01-01T00:00:00.005Z", "bigint", "true", "true", "1", "true", "for good"];
    assert.deepEqual(await program("keeps"), same);
  });

  await t.test("autoVersion: current is the caller's, latest what was deployed last", async () => {
    const [versions, wrong, onArrival] = await program<[string[], string, string]>("versions");
    assert.deepEqual(versions, ["v1", "v2"]);
    assert.match(
      wrong,
      /^RemoteTaskError: .*e\.versions, version v1, .*: output o0\[\] is string, declared as integer$/,
    );
    assert.match(
      onArrival,
      /^ValueError: e\.versions, output o0 is not what was declared: 0: Too big[^;]*; it is "v1"/,
    );
  });

  await t.test(
    "runs that a task starts: of its server, code and images, and on record as started by it",
    async () => {
      const { runs, sum, refused } = await program<{ runs: string[]; sum: number; refused: string }>(
        "starts",
      );
      const [traced = "", named = "", repeated = ""] = runs;
      assert.equal(named, "started-inside");
      assert.equal(sum, 12);
      assert.match(refused, /copyStyle "all" inside a task/);
      const [of, , spawned] = await relations(traced, named, repeated);
      assert.deepEqual(
        spawned.toSorted(),
        [named, traced].toSorted(),
        "the traced one was started once, in two attempts",
      );
      assert.deepEqual(of[traced]?.slice(0, 2), ["outermost", SPAWN]);
      assert.deepEqual(of[named]?.slice(0, 3), ["outermost", SPAWN, { A: "b" }]);
      assert.deepEqual(of[repeated]?.slice(0, 3), [named, RERUN, { A: "b" }]);
    },
  );
});
