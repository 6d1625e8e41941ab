"""Dagster: ops of a job in the in-process executor, kept in SQLite."""

import tempfile

from dagster import DagsterInstance, DynamicOut, DynamicOutput, in_process_executor, job, op
from protocol import serve

instance = DagsterInstance.local_temp(tempfile.mkdtemp(prefix="boxkite-bench-dagster-"))


@op
def zero() -> int:
    return 0


@op
def step(x: int) -> int:
    return x + 1


def run_job(definition, output):
    result = definition.execute_in_process(instance=instance)
    return result.output_for_node(output)


def chain(count):
    @job(executor_def=in_process_executor)
    def chain_job():
        value = zero()
        for index in range(count):
            value = step.alias(f"step{index}")(value)

    return run_job(chain_job, f"step{count - 1}")


def fan(count):
    @op(out=DynamicOut(int))
    def numbers():
        for index in range(count):
            yield DynamicOutput(index, mapping_key=str(index))

    @op
    def collected(values: list) -> int:
        return len(values)

    @job(executor_def=in_process_executor)
    def fan_job():
        collected(numbers().map(step).collect())

    return run_job(fan_job, "collected")


serve({"one": chain, "chain": chain, "fan": fan})
