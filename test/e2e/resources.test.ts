/** A run's resources: what exceeds the machine is refused at once, what is in use is waited for. */
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { before, test } from "node:test";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { stockPython } from "../helpers/stock-sdk.ts";

before(() => usePython(stockPython()));

const FLOW = `
import asyncio, flyte, time
large = flyte.TaskEnvironment(name="large", resources=flyte.Resources(cpu=100000))
gpu = flyte.TaskEnvironment(name="gpu", resources=flyte.Resources(gpu=1))
CPUS = CPU_COUNT
whole = flyte.TaskEnvironment(name="whole", resources=flyte.Resources(cpu=CPUS))
outer = flyte.TaskEnvironment(name="outer", depends_on=[whole])

@large.task
async def too_large(x: int) -> int:
    return x

@gpu.task
async def accelerated(x: int) -> int:
    return x

@whole.task
async def alone(i: int) -> list[float]:
    start = time.time()
    await asyncio.sleep(0.5)
    return [start, time.time()]

@outer.task
async def overlaps(n: int) -> int:
    spans = sorted(await asyncio.gather(*[alone(i) for i in range(n)]))
    return sum(1 for a, b in zip(spans, spans[1:]) if b[0] < a[1])
`;

test("a request beyond the machine's resources is refused at once, by name", async (t) => {
  const { run } = await processSubject(t, FLOW.replace("CPU_COUNT", String(availableParallelism())), [
    "--max-parallel",
    "8",
  ]);
  await assert.rejects(run("too_large", { x: 1 }), /asks for 100000 CPU.*--cap-cpu/su);
  await assert.rejects(run("accelerated", { x: 1 }), /gpu/iu);
  // Each takes all processors: they run one after another although there are slots for more.
  assert.deepEqual((await run("overlaps", { n: 3 })).outputs, [0]);
});

test("with --cap-cpu a request for more processors runs with those of the machine, and says so", async (t) => {
  const flow = FLOW.replace("CPU_COUNT", String(availableParallelism()));
  const { run, python } = await processSubject(t, flow, ["--cap-cpu"]);
  const outcome = await run("too_large", { x: 7 });
  assert.deepEqual(outcome.outputs, [7]);
  const text = `asked for 100000 CPU, and is given ${availableParallelism()} CPU`;
  assert.ok((await (await fetch(outcome.url)).text()).includes(text), "the run's page");
  const details = `
import sys, flyte
from flyte.remote import Run
flyte.init_from_config(sys.argv[1])
print(Run.get("${outcome.name}").details().action_details.pb2.attempts[0].cluster_events)
`;
  const { stdout } = await python("details.py", details);
  assert.ok(stdout.includes(text), "the details of its attempt");
  await assert.rejects(run("accelerated", { x: 1 }), /gpu/iu);
});
