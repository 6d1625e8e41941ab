"""
The shapes of the vendor's scaling benchmark, written anew: one driver in a container, leaves that only sleep.

    python shapes.py CONFIG fan_out|chain RUNS INPUTS VARIABLES

starts that many runs of one of them, with inputs and environment variables in JSON, and prints a name per line.
"""

import asyncio
import json
import os
import sys
from datetime import timedelta

import flyte
from flyte.extras import Sleep

leaves = flyte.TaskEnvironment(name="leaves", image=os.environ.get("SHAPES_IMAGE", "auto"), plugin_config=Sleep())
drivers = flyte.TaskEnvironment(
    name="drivers",
    image=os.environ.get("SHAPES_IMAGE", "auto"),
    resources=flyte.Resources(cpu=("50m", "2"), memory="1Gi"),
    depends_on=[leaves],
)


@leaves.task
async def leaf(time: timedelta) -> None: ...


@drivers.task
async def fan_out(count: int, seconds: float) -> int:
    """All leaves at once: fan-out, one run of a swarm, or leaves that are held live."""
    await asyncio.gather(*[leaf(timedelta(seconds=seconds)) for _ in range(count)])
    return count


@drivers.task
async def chain(count: int) -> int:
    """One leaf after the other."""
    for _ in range(count):
        await leaf(timedelta())
    return count


if __name__ == "__main__":
    import shapes

    config, task, runs, inputs, variables = sys.argv[1:]
    flyte.init_from_config(config)
    for _ in range(int(runs)):
        context = flyte.with_runcontext(env_vars=json.loads(variables))
        print("run", context.run(getattr(shapes, task), **json.loads(inputs)).name, flush=True)
