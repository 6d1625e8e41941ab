/** What a task of the stock SDK may call from its container, and what a container without its token may not. */
import assert from "node:assert/strict";
import { before, suite, test } from "node:test";
import { missingEngine } from "../helpers/engine.ts";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { stockPython } from "../helpers/stock-sdk.ts";

const FLOW = `
import json, os, urllib.error, urllib.request
import flyte
from flyte.remote import Task

env = flyte.TaskEnvironment(name="e", image="ghcr.io/flyteorg/flyte:py3.11-v2.12.1")

@env.task
async def child(x: int) -> int:
    return x + 1

def call(base: str, path: str, body: object) -> str:
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"http://{base}/{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as response:
            return str(response.status)
    except urllib.error.HTTPError as error:
        return json.load(error)["code"]

@env.task
async def probe(other: str) -> list[str]:
    endpoint = os.environ["_U_EP_OVERRIDE"]
    host = endpoint.split("/")[0]
    own = flyte.ctx().action
    runs = "flyteidl2.workflow.RunService"
    scope = {"project": own.project, "domain": own.domain}
    details = lambda name: {"runId": {**scope, "name": name}}
    with urllib.request.urlopen(f"http://{host}/healthz") as response:
        health = str(response.status)
    run = await flyte.run.aio(child, x=41)
    await run.wait.aio()
    outputs = await run.outputs.aio()
    deployed = Task.get("e.child", auto_version="latest")
    return [
        health,
        str(await child(1)),
        str(outputs[0]),
        str(await deployed(x=7)),
        call(endpoint, f"{runs}/GetRunDetails", details(own.run_name)),
        call(endpoint, f"{runs}/GetRunDetails", details(run.name)),
        call(endpoint, f"{runs}/GetRunDetails", details(other)),
        call(endpoint, f"{runs}/AbortRun", details(other)),
        call(endpoint, f"{runs}/ListRuns", {}),
        call(endpoint, "flyteidl2.project.ProjectService/ListProjects", {}),
        call(host, f"{runs}/ListRuns", {}),
        call(f"{host}/t/bka.eA.eA", f"{runs}/ListRuns", {}),
    ]
`;

const skip = missingEngine("podman");

suite("the identity of a task", { skip: skip ?? false }, () => {
  before(() => usePython(stockPython()));

  test("a task calls for its own run and for the runs that it starts; a container without a token is a stranger", async (t) => {
    const { run, flyte, directory } = await processSubject(t, FLOW, ["--engine", "podman"]);
    const deployed = await flyte("deploy", "--version", "1", `${directory}/flow.py`, "env");
    assert.equal(deployed.code, 0, deployed.stderr);
    const other = await run("child", { x: 1 });
    const { outputs, error } = await run("probe", { other: other.name });
    assert.equal(error, null);
    assert.equal(
      String(outputs?.[0]),
      [
        "200,2,42,8",
        "200,200",
        "permission_denied,permission_denied,permission_denied,permission_denied",
        "unauthenticated,unauthenticated",
      ].join(),
    );
  });
});
