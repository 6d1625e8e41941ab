"""Flyte's local mode: tasks are functions of this process, and nothing is kept."""

import asyncio

import flyte
from protocol import serve

env = flyte.TaskEnvironment(name="peer", image="unused:1")


@env.task
async def step(x: int) -> int:
    return x + 1


@env.task
async def chain(n: int) -> int:
    value = 0
    for _ in range(n):
        value = await step(value)
    return value


@env.task
async def fan(n: int) -> int:
    return len(await asyncio.gather(*(step(x) for x in range(n))))


flyte.init()


def run(task):
    def call(count):
        finished = flyte.with_runcontext(mode="local").run(task, n=count)
        return finished.outputs()[0]

    return call


serve({"one": run(chain), "chain": run(chain), "fan": run(fan)})
