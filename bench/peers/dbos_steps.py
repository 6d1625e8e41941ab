"""DBOS: steps of one workflow, in PostgreSQL: its faster way, since children from a queue take longer."""

import asyncio
import os

from dbos import DBOS
from protocol import serve

DBOS(
    config={
        "name": "peer",
        "system_database_url": os.environ["DATABASE_URL"],
        "log_level": "ERROR",
        "run_admin_server": False,
    }
)


@DBOS.step()
async def step(x: int) -> int:
    return x + 1


@DBOS.workflow()
async def chain(n: int) -> int:
    value = 0
    for _ in range(n):
        value = await step(value)
    return value


@DBOS.workflow()
async def fan(n: int) -> int:
    return len(await asyncio.gather(*(step(x) for x in range(n))))


DBOS.launch()
loop = asyncio.new_event_loop()


def run(workflow):
    return lambda count: loop.run_until_complete(workflow(count))


serve({"one": run(chain), "chain": run(chain), "fan": run(fan)})
