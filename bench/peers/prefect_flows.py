"""Prefect: tasks of a flow, with a server of its own on SQLite."""

from prefect import flow, task
from protocol import serve


@task
def step(x: int) -> int:
    return x + 1


@flow
def chain(n: int) -> int:
    value = 0
    for _ in range(n):
        value = step(value)
    return value


@flow
def fan(n: int) -> int:
    return len(step.map(range(n)).result())


serve({"one": chain, "chain": chain, "fan": fan})
