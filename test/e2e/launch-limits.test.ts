/** Variables by which the server lets tasks of the stock Python SDK launch children faster than the SDK does by itself. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { stockPython } from "../helpers/stock-sdk.ts";

before(() => usePython(stockPython()));

const LAUNCHES = `
import os
import flyte

plain = flyte.TaskEnvironment(name="plain")
own = flyte.TaskEnvironment(name="own", env_vars={"_F_P_CNC": "9"}, depends_on=[plain])

def limits() -> str:
    return f"{os.environ.get('_F_MAX_QPS')} {os.environ.get('_F_P_CNC')}"

@plain.task
async def child() -> str:
    return limits()

@own.task
async def parent() -> list[str]:
    return [limits(), await child()]
`;

test("how fast a task launches children: the server's default, or what its run or environment says", async (t) => {
  const { run } = await processSubject(t, LAUNCHES);
  assert.deepEqual((await run("parent", {})).outputs, [["1000 9", "1000 2500"]]);
  const context = { env_vars: { _F_MAX_QPS: "50", _F_P_CNC: "60" } };
  assert.deepEqual((await run("parent", {}, context)).outputs, [["50 9", "50 60"]]);
});
