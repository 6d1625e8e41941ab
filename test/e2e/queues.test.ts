/** Named queues, with the stock Python SDK and tasks as processes. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { temporaryDirectory } from "../helpers/server.ts";
import { stockPython } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

before(() => usePython(stockPython()));

const FLOW = `
import asyncio, pathlib, time, flyte
one = flyte.TaskEnvironment(name="one", queue="one-at-a-time")
nowhere = flyte.TaskEnvironment(name="nowhere", queue="nowhere")
env = flyte.TaskEnvironment(name="e", depends_on=[one, nowhere])

@one.task
async def span(i: int) -> list[float]:
    start = time.time()
    await asyncio.sleep(0.5)
    return [start, time.time()]

@env.task
async def main(n: int) -> int:
    spans = sorted(await asyncio.gather(*[span(i) for i in range(n)]))
    return sum(1 for a, b in zip(spans, spans[1:]) if b[0] < a[1])

@env.task
async def holds(place: str) -> int:
    while not pathlib.Path(place, "go").exists():
        await asyncio.sleep(0.1)
    return 1

@env.task
async def plain(i: int) -> int:
    return i

@nowhere.task
async def lost(i: int) -> int:
    return i

@env.task
async def asks(i: int) -> str:
    try:
        return str(await lost(i))
    except Exception as error:
        return str(error)
`;

test("queues of the settings file: their limits hold, waiting runs say why, and unknown queues are refused", async (t) => {
  const settings = join(await temporaryDirectory(t), "boxkite.yaml");
  await writeFile(settings, "max-parallel: 8\nqueues:\n  one-at-a-time: { max-parallel: 1, priority: 5 }\n");
  const { server, run, flyte, directory } = await processSubject(t, FLOW, ["--config", settings]);

  await t.test("children in the queue of their environment run one after another", async () => {
    assert.deepEqual((await run("main", { n: 3 })).outputs, [0]);
  });

  await t.test("a run in a full queue waits for a slot, and says so", async () => {
    const queue = { queue: "one-at-a-time" };
    const holding = run("holds", { place: directory }, { name: "holds", ...queue });
    await until(async () => (await flyte("get", "run", "holds")).stdout.toLowerCase().includes("running"));
    const waiting = run("plain", { i: 7 }, { name: "waits", ...queue });
    const page = `${server.ready.url}/v2/domain/development/project/flytesnacks/runs/waits`;
    await until(async () =>
      (await (await fetch(page)).text()).includes("waiting: queue one-at-a-time is full (1 of 1)"),
    );
    assert.deepEqual((await run("plain", { i: 8 })).outputs, [8]);
    await writeFile(join(directory, "go"), "");
    assert.deepEqual((await waiting).outputs, [7]);
    assert.deepEqual((await holding).outputs, [1]);
  });

  await t.test("an unknown queue is refused by name, with the queues that exist", async () => {
    await assert.rejects(run("plain", { i: 1 }, { queue: "fast" }), /no queue fast.*one-at-a-time/su);
    assert.match(String((await run("asks", { i: 1 })).outputs?.[0]), /no queue nowhere.*one-at-a-time/su);
  });
});
