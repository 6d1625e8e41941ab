"""Temporal: activities of one workflow, and a tree of child workflows where one is too small for them."""

import asyncio
import os
import uuid
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from protocol import serve
from temporalio import activity, workflow
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

QUEUE = "peer"
# One workflow may have 2,000 activities that are not over.
MOST_IN_ONE = 500
TIMEOUT = timedelta(minutes=30)


@activity.defn
async def step(x: int) -> int:
    return x + 1


@workflow.defn
class Chain:
    @workflow.run
    async def run(self, n: int) -> int:
        value = 0
        for _ in range(n):
            value = await workflow.execute_activity(step, value, start_to_close_timeout=TIMEOUT)
        return value


@workflow.defn
class Fan:
    @workflow.run
    async def run(self, n: int) -> int:
        if n > 2 * MOST_IN_ONE:
            parts = [min(MOST_IN_ONE, n - start) for start in range(0, n, MOST_IN_ONE)]
            return sum(await asyncio.gather(*(workflow.execute_child_workflow(Fan.run, part) for part in parts)))
        calls = (workflow.execute_activity(step, x, start_to_close_timeout=TIMEOUT) for x in range(n))
        return len(await asyncio.gather(*calls))


async def first_workflow(client):
    """Makes the namespace, which takes a moment until it can be used; the worker does not start before that."""
    try:
        await client.workflow_service.register_namespace(
            RegisterNamespaceRequest(
                namespace="default", workflow_execution_retention_period=Duration(seconds=86_400)
            )
        )
    except RPCError as error:
        if error.status != RPCStatusCode.ALREADY_EXISTS:
            raise
    for _ in range(60):
        try:
            return await client.start_workflow(Chain.run, 0, id=str(uuid.uuid4()), task_queue=QUEUE)
        except RPCError:
            await asyncio.sleep(0.5)
    raise RuntimeError("the namespace could not be used")


async def start():
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"])
    first = await first_workflow(client)
    worker = Worker(
        client,
        task_queue=QUEUE,
        workflows=[Chain, Fan],
        activities=[step],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    running = asyncio.create_task(worker.run())
    await first.result()
    return client, running


loop = asyncio.new_event_loop()
client, running = loop.run_until_complete(start())


def run(definition):
    def call(count):
        work = client.execute_workflow(definition.run, count, id=str(uuid.uuid4()), task_queue=QUEUE)
        return loop.run_until_complete(work)

    return call


serve({"one": run(Chain), "chain": run(Chain), "fan": run(Fan)})
