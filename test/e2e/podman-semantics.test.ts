/** A sample of the orchestrator's semantics in real containers; the rest is tested on the process executor. */
import assert from "node:assert/strict";
import { before, suite, test } from "node:test";
import { listContainers, missingEngine } from "../helpers/engine.ts";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { stockPython, succeeded } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

const skip = missingEngine("podman");

const FLOW = `
import asyncio, os, uuid, flyte
from datetime import timedelta
env = flyte.TaskEnvironment(name="e", image="ghcr.io/flyteorg/flyte:py3.11-v2.12.1")

@env.task(retries=1)
async def second_time(x: int) -> int:
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        os._exit(9)
    return int(os.environ["FLYTE_ATTEMPT_NUMBER"])

@env.task(timeout=flyte.Timeout(max_runtime=timedelta(seconds=3)))
async def too_long(x: int) -> int:
    await asyncio.sleep(600)
    return x

@env.task(cache=flyte.Cache(behavior="override", version_override="v1"))
async def cached(x: int) -> str:
    return uuid.uuid4().hex

@flyte.trace
async def step(x: int) -> str:
    return uuid.uuid4().hex

@env.task
async def parent(x: int) -> list[str]:
    try:
        await too_long(1)
    except Exception as error:
        raised = type(error).__name__
    condition = await flyte.new_condition.aio("ok", prompt="go on?", data_type=bool)
    answer = await condition.wait.aio()
    return [raised, await cached(1), await cached(1), await step(1), str(answer), str(await second_time(1))]

@env.task
async def endless(x: int) -> int:
    await asyncio.sleep(600)
    return x

small = flyte.TaskEnvironment(name="small", image=env.image, resources=flyte.Resources(memory=("200Mi", "400Mi")), depends_on=[env])

@small.task(retries=1)
async def hungry(x: int) -> str:
    child = await cached(x)
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        bytes(bytearray(os.urandom(1)) * (2 << 30))
    return child
`;

const RESOURCES = `
import asyncio, os, flyte
image = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1"
small = flyte.TaskEnvironment(name="small", image=image, resources=flyte.Resources(cpu="500m", memory="250Mi", shm="auto"))
whole = flyte.TaskEnvironment(name="whole", image=image, resources=flyte.Resources(shm="auto"), depends_on=[small])

def shared_memory() -> int:
    disk = os.statvfs("/dev/shm")
    return disk.f_blocks * disk.f_frsize

def machine() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

@small.task
async def hungry(x: int) -> int:
    return len(b"1" * (800 << 20))

@small.task
async def limited(x: int) -> int:
    return shared_memory()

@whole.task
async def sizes(x: int) -> list[str]:
    try:
        await hungry(x)
        raised = "nothing"
    except Exception as error:
        raised = type(error).__name__
    return [raised, str(await limited(x)), str(shared_memory() // 2**20), str(machine() // 2**20)]
`;

suite("semantics on podman", { skip: skip ?? false }, () => {
  before(() => usePython(stockPython()));

  test("retries, time limits, cache, traces, conditions, aborts, and a parent that runs out of memory", async (t) => {
    const { run, flyte, python } = await processSubject(t, FLOW, ["--engine", "podman"]);
    const waiting = run("parent", { x: 1 }, { name: "samples" });
    await until(async () => (await flyte("get", "condition", "samples")).stdout.includes("ok"), 90_000);
    await python(
      "answer.py",
      `
import sys, flyte
from flyte.remote import Condition
flyte.init_from_config(sys.argv[1])
Condition.get("ok", run_name="samples").signal(True)
`,
    );
    const outcome = await waiting;
    assert.equal(outcome.error, null);
    const [raised, one, two, trace, answer, attempt] = (outcome.outputs?.[0] ?? []) as string[];
    assert.match(raised ?? "", /Timeout|MaxRuntime/u);
    assert.equal(two, one);
    assert.match(trace ?? "", /^[0-9a-f]{32}$/u);
    assert.deepEqual([answer, attempt], ["True", "1"]);

    const ended = run("endless", { x: 1 }, { name: "ended" });
    const containers = () =>
      listContainers("podman", ["--all", "--quiet", "--filter", "label=dev.boxkite.run=ended"]);
    await until(async () => (await containers()).length > 0);
    succeeded(await flyte("abort", "run", "ended"));
    assert.match((await ended).phase.toLowerCase(), /aborted/u);
    await until(async () => (await containers()).length === 0);

    // A parent that exceeded its memory says so, and its next attempt finds its child.
    const fed = await run("hungry", { x: 99 }, { name: "hungry" });
    assert.deepEqual([fed.error, fed.actions], [null, ["e.cached", "small.hungry"]]);
    const told = await python(
      "attempts.py",
      `
import sys, json, flyte
from flyte.remote import Action, Run
flyte.init_from_config(sys.argv[1])
attempts = Run.get("hungry").details().action_details.pb2.attempts
child = [action for action in Action.listall(for_run_name="hungry") if action.task_name == "e.cached"][0]
print(json.dumps([[one.error_info.message for one in attempts], child.pb2.status.attempts]))
`,
    );
    const [errors, childAttempts] = JSON.parse(told.stdout.trim().split("\n").at(-1) ?? "") as [
      string[],
      number,
    ];
    assert.match(errors[0] ?? "", /killed for using more memory than its limit/u);
    assert.deepEqual([errors.length, childAttempts], [2, 1]);
  });

  test('a request without a limit is the limit, and shm="auto" is as large as possible', async (t) => {
    const { run } = await processSubject(t, RESOURCES, ["--engine", "podman"]);
    const { error, outputs } = await run("sizes", { x: 1 });
    assert.equal(error, null);
    const [raised, limited, unlimited, machine] = (outputs?.[0] ?? []) as string[];
    assert.deepEqual([raised, limited, unlimited], ["OOMError", String(250 * 2 ** 20), machine]);
  });
});
