/** Traces without outputs in a parent that is tried again: they have nothing to be read, and run again. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { stockPython } from "../helpers/stock-sdk.ts";

before(() => usePython(stockPython()));

const FLOW = `
import os
import flyte

env = flyte.TaskEnvironment(name="e")

@flyte.trace
async def note(x: int) -> None: ...

@flyte.trace
async def double(x: int) -> int:
    return 2 * x

@flyte.trace
async def refuse(x: int) -> int:
    raise ValueError("no")

@env.task(retries=1)
async def root(x: int) -> int:
    await note(x)
    try:
        await refuse(x)
    except Exception:
        pass
    result = await double(x)
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        raise RuntimeError("the first attempt fails")
    return result
`;

test("a parent with a trace that returns nothing, and one that raises, is tried again", async (t) => {
  const { run } = await processSubject(t, FLOW);
  const outcome = await run("root", { x: 2 });
  assert.deepEqual(outcome.outputs, [4], outcome.error ?? "");
});
