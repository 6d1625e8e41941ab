/**
 * Details of the orchestrator's semantics, with the stock Python SDK and its command line: one server, one program,
 * tasks as processes.
 */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { before, test } from "node:test";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { stockPython, succeeded } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

before(() => usePython(stockPython()));

const FLOW = `
import asyncio, os, pathlib, uuid, flyte
from datetime import timedelta
env = flyte.TaskEnvironment(name="e")

half, most = timedelta(seconds=0.5), timedelta(seconds=0.75)

@env.task(retries=flyte.RetryStrategy(count=2, backoff=flyte.Backoff(base=half, factor=2.0, cap=most)))
async def flaky(x: int) -> int:
    print(f"this is attempt {os.environ['FLYTE_ATTEMPT_NUMBER']} at {flyte.ctx().output_path}")
    raise ValueError("never")

def cached(version: str) -> flyte.Cache:
    return flyte.Cache(behavior="override", version_override=version)

@env.task(cache=cached("1"))
async def expensive(x: int) -> str:
    return uuid.uuid4().hex

@env.task
async def versions(x: int) -> list[str]:
    newer = expensive.override(cache=cached("2"))
    return [await expensive(x), await expensive(x), await newer(x), await newer(x)]

@env.task
async def endless(place: str) -> int:
    pathlib.Path(place, "endless-began").touch()
    await asyncio.sleep(600)
    return 1

@env.task
async def leaves(place: str) -> str:
    forgotten = asyncio.create_task(endless(place))
    while not pathlib.Path(place, "endless-began").exists():
        await asyncio.sleep(0.1)
    return "left"

@env.task
async def asks(x: int) -> str:
    condition = await flyte.new_condition.aio("ok", prompt="go on?", data_type=int)
    try:
        return str(x + await condition.wait.aio())
    except Exception as error:
        return type(error).__name__
`;

test("details of the semantics", async (t) => {
  const { server, run, flyte, python, directory } = await processSubject(t, FLOW, ["--max-parallel", "4"]);
  const runs = `${server.ready.url}/v2/domain/development/project/flytesnacks/runs`;
  const actionsOf = async (name: string) => {
    const program = `
import sys, json, flyte
from flyte.remote import Action
flyte.init_from_config(sys.argv[1])
actions = Action.listall(for_run_name=${JSON.stringify(name)})
print(json.dumps([[action.name, action.task_name or action.pb2.metadata.condition.name, str(action.phase).upper()] for action in actions]))
`;
    // A run that is about to be created has none.
    if (!(await fetch(`${runs}/${name}`)).ok) return [];
    const { stdout } = await python("actions.py", program);
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as [string, string, string][];
  };

  await t.test("retries: their number, their delays, a log and an output prefix each", async () => {
    const outcome = await run("flaky", { x: 1 }, { name: "flaky" });
    assert.equal(outcome.code, "RetriesExhausted|ValueError");
    const prefixes: string[] = [];
    for (const attempt of [1, 2, 3]) {
      const log = await (await fetch(`${runs}/flaky/log?i=a0&attempt=${attempt}`)).text();
      prefixes.push(/this is attempt (\d at \S+)/u.exec(log)?.[1] ?? "");
      assert.equal(log.match(/this is attempt/gu)?.length, 1);
    }
    assert.deepEqual(
      prefixes.map((text) => text[0]),
      ["0", "1", "2"],
    );
    assert.equal(new Set(prefixes.map((text) => text.slice(1))).size, 3);
    assert.equal((await fetch(`${runs}/flaky/log?i=a0&attempt=4`)).status, 404);
    const { stdout } = await python(
      "attempts.py",
      `
import sys, json, flyte
from flyte.remote import Run
flyte.init_from_config(sys.argv[1])
attempts = Run.get("flaky").details().action_details.pb2.attempts
spans = [(one.start_time.ToMilliseconds(), one.end_time.ToMilliseconds()) for one in attempts]
print(json.dumps([after[0] - before[1] for before, after in zip(spans, spans[1:])]))
`,
    );
    const [first = 0, second = 0] = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as number[];
    assert.ok(first >= 500 && second >= 750, `${first} ms, ${second} ms`);
  });

  await t.test("another cache version has another result", async () => {
    const { outputs } = await run("versions", { x: 1 });
    const [one, again, newer, newerAgain] = (outputs?.[0] ?? []) as string[];
    assert.ok(one !== undefined && newer !== undefined);
    assert.deepEqual([again, newerAgain], [one, newer]);
    assert.notEqual(newer, one);
  });

  await t.test("a child that its parent no longer awaits ends with the parent", async () => {
    const outcome = await run("leaves", { place: directory }, { name: "leaves" });
    assert.deepEqual(outcome.outputs, ["left"]);
    assert.ok((await readdir(directory)).includes("endless-began"));
    const child = async () => (await actionsOf("leaves")).find(([, task]) => task === "e.endless")?.[2];
    await until(async () => /ABORTED/u.test((await child()) ?? ""));
  });

  await t.test("a condition is answered by flyte signal, and ended by flyte abort", async () => {
    const waiting = (name: string) => async () =>
      (await actionsOf(name)).find(([, task, phase]) => task === "ok" && /PAUSED/u.test(phase))?.[0];
    for (const [name, command, result] of [
      ["answered", (action: string) => flyte("signal", "condition", "answered", action, "41"), "42"],
      ["ended", (action: string) => flyte("abort", "action", "ended", action), /^\w*(Abort|Failed)\w*$/u],
    ] as const) {
      const client = run("asks", { x: 1 }, { name });
      const paused = waiting(name);
      await until(async () => (await paused()) !== undefined);
      succeeded(await command((await paused()) ?? ""));
      const [output] = (await client).outputs ?? [];
      if (typeof result === "string") assert.equal(output, result);
      else assert.match(String(output), result);
    }
  });

  await t.test(
    "flyte rerun: changed inputs; with --recover, results of succeeded actions are reused",
    async () => {
      const first = (await run("versions", { x: 7 }, { name: "versions-7" })).outputs?.[0] as string[];
      succeeded(await flyte("rerun", "versions-7", "--x", "8", "--name", "versions-8"));
      succeeded(await flyte("rerun", "versions-7", "--recover", "--name", "recovered"));
      const results = await python(
        "results.py",
        `
import sys, json, flyte
from flyte.remote import Run
flyte.init_from_config(sys.argv[1])
runs = [Run.get(name) for name in ("versions-8", "recovered")]
for run in runs:
    run.wait()
print(json.dumps([list(run.outputs()[0]) for run in runs]))
`,
      );
      const [changed, recovered] = JSON.parse(results.stdout.trim().split("\n").at(-1) ?? "") as string[][];
      assert.notDeepEqual(changed, first);
      assert.deepEqual(recovered, first);
      const phases = (await actionsOf("recovered")).filter(([, task]) => task === "e.expensive");
      assert.ok(phases.length > 0 && phases.every(([, , phase]) => /RECOVERED/u.test(phase)), String(phases));
    },
  );
});
