/** flyte.extras.Sleep of the stock Python SDK: tasks that only let time pass, without a container. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { stockPython } from "../helpers/stock-sdk.ts";

before(() => usePython(stockPython()));

const FLOW = `
import asyncio
from datetime import timedelta
import flyte
import flyte.errors
from flyte.extras import Sleep

pauses = flyte.TaskEnvironment(name="pauses", image="registry.invalid/not/there:1", plugin_config=Sleep())
main = flyte.TaskEnvironment(name="main", depends_on=[pauses])

@pauses.task
async def pause(time: timedelta) -> None: ...

@pauses.task(timeout=timedelta(seconds=1), retries=1)
async def cut(time: timedelta) -> None: ...

@pauses.task(cache=flyte.Cache(behavior="override", version_override="1"))
async def once(time: timedelta) -> None: ...

@pauses.task
async def two(time: timedelta, more: timedelta) -> None: ...

@pauses.task
async def number(time: int) -> None: ...

@pauses.task
async def gives(time: timedelta) -> int: ...

@main.task
async def root(ms: int) -> None:
    await pause(timedelta(milliseconds=ms))

@main.task
async def children(count: int) -> list[str]:
    await asyncio.gather(*[pause(timedelta(milliseconds=i)) for i in range(count)])
    seen = [str(await pause(timedelta()))]
    await once(timedelta(milliseconds=1))
    await once(timedelta(milliseconds=1))
    try:
        await cut(timedelta(hours=1))
    except flyte.errors.TaskTimeoutError as error:
        seen.append(type(error).__name__)
    try:
        await asyncio.wait_for(pause(timedelta(hours=1)), 0.5)
    except asyncio.TimeoutError:
        seen.append("cancelled")
    return seen
`;

const START = `
import sys
from datetime import timedelta
import flyte, flow
flyte.init_from_config(sys.argv[1])
run = flyte.run(flow.pause, time=timedelta(milliseconds=300))
run.wait()
status = run.details().action_details.pb2.status
assert "SUCCEEDED" in str(run.phase).upper(), run.phase
assert status.duration_ms >= 300, status
assert [value for value in run.outputs() if value is not None] == [], run.outputs()
[attempt] = run.details().action_details.pb2.attempts
assert not attempt.logs_available
held = flyte.run(flow.pause, time=timedelta(hours=1))
held.abort()
held.wait()
assert "ABORTED" in str(held.phase).upper(), held.phase
for task, words in (
    (flow.two, "2 inputs: more, time"),
    (flow.number, "an input time that is no duration"),
    (flow.gives, "outputs: o0"),
):
    inputs = {"time": timedelta()}
    if task is flow.two:
        inputs["more"] = timedelta()
    if task is flow.number:
        inputs["time"] = 1
    try:
        flyte.run(task, **inputs)
    except Exception as error:
        assert words in str(error), (words, str(error))
    else:
        raise SystemExit(f"{task.name} was accepted")
    try:
        flyte.deploy(flow.pauses)
    except Exception as error:
        assert "is a sleep" in str(error), str(error)
    else:
        raise SystemExit("the environment was deployed")
print("all as it should be")
`;

test("as a run: its time, no outputs, an abort, and what is refused", async (t) => {
  const { python } = await processSubject(t, FLOW);
  const { stdout } = await python("start.py", START);
  assert.match(stdout, /all as it should be/u);
});

test("as children: at once, cached, timed out after their retries, cancelled", async (t) => {
  const { run } = await processSubject(t, FLOW);
  const outcome = await run("children", { count: 20 });
  assert.deepEqual(outcome.outputs, [["None", "MaxRuntimeExceededError", "cancelled"]], outcome.error ?? "");
  assert.equal(outcome.actions.filter((name) => name === "pauses.pause").length, 22);
});
