/** Details of the cache, with the stock Python SDK and tasks as processes. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { stockPython, succeeded } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

before(() => usePython(stockPython()));

const FLOW = `
import asyncio, pathlib, uuid, flyte
from datetime import timedelta
env = flyte.TaskEnvironment(name="e")

def cached(**more):
    return flyte.Cache(behavior="override", version_override="v1", **more)

@env.task(cache=cached(ignored_inputs=("note",)))
async def ignores(x: int, note: str) -> str:
    return uuid.uuid4().hex

@env.task(cache=cached(max_age=timedelta(seconds=1)))
async def short_lived(x: int) -> str:
    return uuid.uuid4().hex

@env.task(cache=cached(max_age=timedelta(hours=1)))
async def long_lived(x: int) -> str:
    return uuid.uuid4().hex

@env.task(cache=cached())
async def plain(x: int) -> str:
    return uuid.uuid4().hex

@env.task(cache=cached(serialize=True))
async def fails_first(began: str, go: str) -> str:
    if pathlib.Path(began).exists():
        return uuid.uuid4().hex
    pathlib.Path(began).touch()
    while not pathlib.Path(go).exists():
        await asyncio.sleep(0.1)
    raise RuntimeError("the first one fails")
`;

test("ignored inputs, results that expire, and the scope of a project", async (t) => {
  const { run, flyte } = await processSubject(t, FLOW);
  const first = await run("ignores", { x: 1, note: "a" });
  assert.deepEqual((await run("ignores", { x: 1, note: "b" })).outputs, first.outputs);
  assert.notDeepEqual((await run("ignores", { x: 2, note: "a" })).outputs, first.outputs);

  const young = await run("short_lived", { x: 1 });
  const kept = await run("long_lived", { x: 1 });
  await until(async () => (await run("short_lived", { x: 1 })).outputs?.[0] !== young.outputs?.[0]);
  assert.deepEqual((await run("long_lived", { x: 1 })).outputs, kept.outputs);

  const here = await run("plain", { x: 1 });
  succeeded(await flyte("create", "project", "--id", "other", "--name", "other"));
  const elsewhere = { project: "other" };
  assert.deepEqual((await run("plain", { x: 1 }, elsewhere)).outputs, here.outputs);
  const own = await run("plain", { x: 1 }, { ...elsewhere, cache_lookup_scope: "project-domain" });
  assert.notDeepEqual(own.outputs, here.outputs);
});

test("a cache hit is shown with the action that computed the result", async (t) => {
  const { run, python } = await processSubject(t, FLOW);
  await run("plain", { x: 3 }, { name: "computed" });
  await run("plain", { x: 3 }, { name: "taken" });
  const shown = await python(
    "shown.py",
    `
import sys, flyte
from flyte.remote import Run
flyte.init_from_config(sys.argv[1])
details = Run.get("taken").details().action_details.pb2
source = details.attempts[0].cache_metadata.source_action_attempt
print(details.status.cache_status, source.action_id.run.name, source.action_id.name, source.attempt)
`,
  );
  assert.equal(shown.stdout.trim().split("\n").at(-1), "2 computed a0 1");
});

test("when the computing action fails, one that waits for it computes", async (t) => {
  const { run, shows, directory } = await processSubject(t, FLOW, ["--max-parallel", "4"]);
  const go = join(directory, "go");
  const inputs = { began: join(directory, "began"), go };
  const first = run("fails_first", inputs, { name: "first" });
  await shows("first", "running");
  const second = run("fails_first", inputs, { name: "second" });
  await shows("second", "waiting_for_resources");
  await writeFile(go, "");
  assert.match((await first).phase.toLowerCase(), /failed/u);
  assert.match((await second).phase.toLowerCase(), /succeeded/u);
});
