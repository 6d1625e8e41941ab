/** The packed SDK and its runtime against a real server that runs tasks as processes. */
import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import { startServer } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded, writeProgram } from "../helpers/stock-sdk.ts";
import { MAIN, TASKS } from "./helpers/flow.ts";
import { createProject } from "./helpers/package.ts";

interface Result {
  readonly name: string;
  readonly url: string;
  readonly phases: readonly string[];
  readonly outputs: unknown;
  readonly error: {
    readonly name: string;
    readonly message: string;
    readonly [field: string]: unknown;
  } | null;
}

interface ListedAction {
  readonly id: { readonly name: string };
  readonly metadata: { readonly condition?: { readonly name: string } };
}

const PYTHON_TASKS = `
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import flyte
from flyte.extras import Sleep
naps = flyte.TaskEnvironment(name="naps", plugin_config=Sleep())
env = flyte.TaskEnvironment(name="py", depends_on=[naps])

@naps.task
async def nap(time: timedelta) -> None: ...

@dataclass
class Config:
    n: int
    at: datetime

@dataclass
class Report:
    loss: float
    at: datetime
    tags: list[str] = field(default_factory=list)

@env.task
async def report(config: Config) -> Report:
    return Report(loss=float(config.n), at=config.at)

@env.task
async def measure(text: str, times: int = 5) -> float:
    return float(len(text) * times)

@env.task
async def calls_typescript(raw: str) -> str:
    prepare = flyte.remote.Task.get("data-prep.prepare", auto_version="latest")
    echo = await flyte.remote.Task.get("data-prep.fan", auto_version="latest").fetch.aio() if False else None
    fails = flyte.remote.Task.get("training.fails", auto_version="latest")
    length = await prepare(raw=raw)
    await flyte.remote.Task.get("data-prep.pause", auto_version="latest")(duration=timedelta(milliseconds=10))
    try:
        await fails()
    except flyte.errors.RuntimeUserError as error:
        return f"{length} {type(length).__name__} {error.code}"
    return "nothing was raised"
`;

const PYTHON_MAIN = `
import sys
import flyte
import tasks
flyte.init_from_config(sys.argv[1])
if sys.argv[2] == "deploy":
    flyte.deploy(tasks.env, version=sys.argv[3])
else:
    run = flyte.run(tasks.calls_typescript, raw=" Hello World ")
    run.wait()
    print(run.phase, run.outputs()[0] if "succ" in str(run.phase).lower() else run.details().action_details.error_info)
`;

test("against a server", async (t) => {
  const python = stockPython();
  const project = createProject({ "main.ts": MAIN, "workflow-code/tasks.ts": TASKS });
  t.after(() => rmSync(project.directory, { recursive: true, force: true }));
  const server = await startServer(t, {
    args: ["--engine", "process", "--python", python, "--ephemeral"],
    env: { PATH: `${project.bin}${delimiter}${process.env["PATH"] ?? ""}` },
  });

  const start = async (task: string, inputs: object = {}, options: object = {}): Promise<Result> => {
    const result = succeeded(
      await runProgram(
        process.execPath,
        ["main.ts", server.config, task, JSON.stringify(inputs), JSON.stringify(options)],
        {
          cwd: project.directory,
        },
      ),
    );
    return JSON.parse(result.stdout.trim().split("\n").at(-1) ?? "") as Result;
  };
  const flyte = async (...commands: string[]) =>
    runProgram(
      join(python, "../flyte"),
      ["--config", server.config, "--output-format", "json-raw", ...commands],
      {
        cwd: project.directory,
      },
    );

  await t.test("two tasks, two environments, a bundle", async () => {
    const result = await start("prepare", { raw: "  Hello World!" });
    assert.equal(result.outputs, 12);
    assert.equal(result.phases.at(-1), "succeeded");
    assert.match(result.url, /\/v2\/domain\/development\/project\/flytesnacks\/runs\//);
    const defaulted = await start("prepare", {}, { name: "chosen-name" });
    assert.equal(defaulted.outputs, 11);
    assert.equal(defaulted.name, "chosen-name");
    await assert.rejects(start("prepare", {}, { name: "chosen-name" }), /exists already/);
  });

  await t.test("all kinds of values, between containers", async () => {
    assert.equal((await start("echoes")).outputs, "the same");
  });

  await t.test("errors keep class and fields; the run's too", async () => {
    assert.equal((await start("catches")).outputs, "no more 3 true");
    const failed = await start("fails");
    assert.equal(failed.phases.at(-1), "failed");
    assert.deepEqual(
      [failed.error?.name, failed.error?.message, failed.error?.["limit"]],
      ["QuotaError", "no more", 3],
    );
  });

  await t.test("causes, several errors and values of fields, through a parent and its retry", async () => {
    const expected = ["AggregateError", "the rows\n  at 3 are wrong", "1970-01-01T00:00:00.005Z"];
    assert.deepEqual((await start("catchesDeeply")).outputs, [...expected, "true", "RangeError", "why", "9"]);
    const failed = await start("failsDeeply");
    assert.deepEqual([failed.error?.name, failed.error?.message], expected.slice(0, 2));
    const page = await (await fetch(failed.url)).text();
    assert.match(
      page,
      /the rows\n {2}at 3 are wrong[^]*Caused by: TypeError: why[^]*Error 1 of 2: QuotaError: first/,
    );
    assert.doesNotMatch(page, /#boxkite-error/);
  });

  await t.test("a fan-out", async () => {
    const result = await start("fan", { n: 12 });
    assert.deepEqual(
      result.outputs,
      Array.from({ length: 12 }, (_, n) => n * n),
    );
  });

  await t.test("a parent killed in mid fan-out: replay, and nothing runs twice", async () => {
    const mark = join(project.directory, "mark");
    const result = await start("dies", { mark });
    assert.deepEqual(result.outputs, [2, 4, 101, 102, 103, 104]);
    const ran = readdirSync(project.directory).filter((name) => name.startsWith("mark-"));
    assert.deepEqual(ran.map((name) => name.replace(/-\d+$/, "")).sort(), [
      "mark-child-1",
      "mark-child-2",
      "mark-child-3",
      "mark-child-4",
      "mark-step-1",
      "mark-step-2",
    ]);
  });

  await t.test("retries with checkpoints, and a report", async () => {
    const result = await start("flaky");
    assert.equal(result.outputs, 23);
  });

  await t.test("context, environment variables, and what children inherit", async () => {
    const options = { customContext: { tenant: "a" }, env: { MY_VARIABLE: "x" }, version: "v7" };
    assert.deepEqual((await start("context", {}, options)).outputs, {
      attempt: 1,
      custom: { tenant: "a" },
      mode: "remote",
      name: "a0",
      taskName: "data-prep.context",
      variable: "x",
      version: "v7",
    });
    assert.deepEqual((await start("passes", {}, options)).outputs, { tenant: "a" });
  });

  await t.test("the stock CLI sees named, typed inputs, and runs a deployed TypeScript task", async () => {
    succeeded(
      await runProgram(process.execPath, ["main.ts", server.config, "deploy", "{}", '{"version":"v1"}'], {
        cwd: project.directory,
      }),
    );
    const again = await runProgram(
      process.execPath,
      ["main.ts", server.config, "deploy", "{}", '{"version":"v1"}'],
      {
        cwd: project.directory,
      },
    );
    assert.match(succeeded(again).stdout, /"created":false/);
    const run = await flyte("run", "--follow", "deployed-task", "data-prep.prepare", "--raw", "From Python");
    const text = `${run.stdout}${run.stderr}`;
    assert.equal(run.code, 0, text);
    const name = /runs\/([a-z0-9-]+)/.exec(text)?.[1] ?? "";
    const io = succeeded(await flyte("get", "io", name));
    assert.match(io.stdout, /From Python/);
    assert.match(io.stdout, /11/);
  });

  await t.test("TypeScript awaits Python, and Python awaits TypeScript", async () => {
    const directory = join(project.directory, "python");
    await writeProgram(directory, { "tasks.py": PYTHON_TASKS, "main.py": PYTHON_MAIN });
    succeeded(await runProgram(python, ["main.py", server.config, "deploy", "p1"], { cwd: directory }));
    const result = await start("callsPython");
    assert.equal(result.error, null);
    assert.match(String(result.outputs), /^6 \| 10 \| .*input text is string, declared as integer/);
    const [good, onArrival, declared, undeclared] = (await start("readsReports")).outputs as string[];
    assert.equal(good, "3 5 0");
    assert.match(
      onArrival ?? "",
      /^ValueError: py\.report, output o0 is not what was declared: loss: Too big.*; it is 3$/,
    );
    assert.equal(
      declared,
      "RemoteTaskError: the deployed task py.report, version p1, is not what was declared: " +
        "input config.at is string (date-time), and not declared; input config.n is integer, declared as string; " +
        "output o0.tags is list of string, declared as integer",
    );
    assert.equal(undeclared, "ValueError: py.report, input config.n: expected integer, got 3.5");
    const back = succeeded(await runProgram(python, ["main.py", server.config, "run"], { cwd: directory }));
    assert.match(back.stdout, /11\.0 float QuotaError/);
  });

  await t.test("a condition, answered from outside", async () => {
    const name = "run-that-asks";
    const running = start("asks", {}, { name });
    running.catch(() => undefined);
    let last = "";
    const answered = await waitFor(async () => {
      const listed = await flyte("get", "action", name);
      const actions = JSON.parse(
        /\[\s*\{[\s\S]*\]/.exec(stripVTControlCharacters(listed.stdout))?.[0] ?? "[]",
      ) as ListedAction[];
      const paused = actions.find((action) => action.metadata.condition?.name === "approve");
      const signalled = await flyte("signal", "condition", name, paused?.id.name ?? "?", "true");
      last = `${listed.stdout}\n${signalled.stdout}${signalled.stderr}`;
      return signalled.code === 0;
    });
    assert.ok(answered, last);
    assert.equal((await running).outputs, "went on");
  });

  await t.test("an abort reaches the task", async () => {
    const mark = join(project.directory, "sleeping");
    const name = "run-that-sleeps";
    const running = start("sleeps", { mark }, { name });
    await waitFor(async () => (await flyte("abort", "run", name)).code === 0);
    assert.equal((await running).phases.at(-1), "aborted");
  });
});

async function waitFor(look: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 15; tries++) {
    if (await look()) return true;
    await sleep(200);
  }
  return false;
}
