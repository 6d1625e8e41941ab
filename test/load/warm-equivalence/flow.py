"""Small tasks that are made of steps, and a parent that calls them one after the other."""

import asyncio
import json
import os
import random
import signal
import sys
import time
import uuid
from datetime import timedelta

import flyte
import flyte.errors
import flyte.io
import flyte.report

from steps import STEPS

image = flyte.Image.from_ref_name("runtime")
small = flyte.TaskEnvironment(
    name="small",
    image=image,
    resources=flyte.Resources(cpu="100m", memory="400Mi"),
    env_vars={"OF_ENVIRONMENT": "é = 1"},
    reusable=flyte.ReusePolicy(replicas=(1, 2), concurrency=1, idle_ttl=60, scope="run"),
)
env = flyte.TaskEnvironment(name="equivalence", image=image, depends_on=[small])


class OwnError(Exception):
    """With an argument that its message does not have."""

    def __init__(self, number):
        super().__init__(f"own error {number}")
        self.number = number


def attempt():
    return int(os.environ["FLYTE_ATTEMPT_NUMBER"])


def fail_with_cause(case):
    try:
        {}["key"]
    except KeyError as error:
        raise RuntimeError("with a cause") from error


def use_memory(case):
    print("before", flush=True)
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 20)) * 16)


def fail_first(case):
    if attempt() == 0:
        print("the first attempt fails")
        raise ValueError("first")


def exit_first(case):
    if attempt() == 0:
        os._exit(9)


def raise_(error):
    raise error


ENDS = {
    "returns": lambda case: None,
    "fails": lambda case: raise_(ValueError(f"mine é {case}")),
    "fails_with_cause": fail_with_cause,
    "fails_own": lambda case: raise_(OwnError(case)),
    "exits": lambda case: sys.exit(3),
    "exits_well": lambda case: sys.exit(0),
    "exits_with_text": lambda case: sys.exit("enough"),
    "leaves": lambda case: (print("lost"), os._exit(7)),
    "leaves_well": lambda case: os._exit(0),
    "kills_itself": lambda case: os.kill(os.getpid(), signal.SIGKILL),
    "segfaults": lambda case: __import__("ctypes").string_at(0),
    "terminates": lambda case: signal.raise_signal(signal.SIGTERM),
    "aborts": lambda case: os.abort(),
    "interrupts": lambda case: raise_(KeyboardInterrupt("stop")),
    "runs_out_of_memory": use_memory,
    "times_out": lambda case: time.sleep(60),
    "fails_first": fail_first,
    "exits_first": exit_first,
    "no_recovery": lambda case: raise_(flyte.errors.NonRecoverableError("never again")),
}


def play(case, names, end):
    seen = {}
    for name in names:
        try:
            seen[name] = STEPS[name](case)
        except Exception as error:
            seen[name] = f"{type(error).__name__}: {error}"
    print(f"\nseen {json.dumps(seen)}", flush=True)
    ENDS[end](case)
    return json.dumps({"attempt": attempt(), "random": random.random(), "uuid": str(uuid.uuid4())})


@flyte.trace
async def traced(number: int) -> int:
    return number + 1


@small.task
async def coroutine(case: int, names: list[str], end: str) -> str:
    return play(case, names, end)


@small.task
def function(case: int, names: list[str], end: str) -> str:
    return play(case, names, end)


@small.task
async def typed(case: int, names: list[str], end: str) -> tuple[int, float, bool, list[str], dict[str, int], timedelta]:
    play(case, names, end)
    return case, case / 3, case % 2 == 0, ["a", "é"], {"a": case}, timedelta(seconds=case)


@small.task
async def written(case: int, names: list[str], end: str) -> tuple[flyte.io.File, flyte.io.Dir]:
    play(case, names, end)
    os.makedirs("directory/below", exist_ok=True)
    for path in ("file.txt", "directory/one.txt", "directory/below/two.txt"):
        with open(path, "w") as file:
            file.write(f"{path} {case}")
    return await flyte.io.File.from_local("file.txt"), await flyte.io.Dir.from_local("directory")


@small.task(report=True)
async def reported(case: int, names: list[str], end: str) -> str:
    with flyte.group("steps"):
        flyte.report.log(f"<p>case {case}</p>")
        flyte.report.get_tab("Other").log("<b>other</b>")
        await flyte.report.flush.aio()
        text = play(case, names, end)
        return text if await traced(case) == case + 1 else "traced wrongly"


TASKS = {each.func.__name__: each for each in (coroutine, function, typed, written, reported)}


async def outcome(task, case):
    if case["end"] in ("fails_first", "exits_first"):
        task = task.override(retries=1)
    if case["end"] == "times_out":
        task = task.override(timeout=timedelta(seconds=4))
    try:
        call = task.aio if case["task"] == "function" else task
        result = await call(case["case"], case["steps"], case["end"])
        if case["task"] == "written":
            file, directory = result
            async with file.open("rb") as content:
                text = bytes(await content.read()).decode()
            names = sorted([each.path.rsplit("/", 1)[-1] async for each in directory.walk()])
            return {"returned": [text, names]}
        return {"returned": result if isinstance(result, str) else [str(each) for each in result]}
    except Exception as error:
        return {"raised": type(error).__name__, "code": getattr(error, "code", None), "text": str(error), "kind": getattr(error, "kind", None)}


@env.task
async def drive(cases: str, mode: str, pause: float) -> str:
    chosen = TASKS if mode == "resident" else {name: task.override(reusable="off") for name, task in TASKS.items()}
    # From the first call on, workers are made ahead.
    await chosen["coroutine"](-1, [], "returns")
    outcomes = {}
    for case in json.loads(cases):
        await asyncio.sleep(pause)
        outcomes[str(case["case"])] = await outcome(chosen[case["task"]], case)
    return json.dumps(outcomes)
