/** `flyte.ReusePolicy` of the stock Python SDK: accepted from every place where a task is sent, and never ignored silently. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { flyteCli } from "../helpers/stock-cli.ts";
import { stockPython } from "../helpers/stock-sdk.ts";

before(() => usePython(stockPython()));

const FLOW = `
import asyncio, os
import flyte

workers = flyte.TaskEnvironment(name="workers", reusable=flyte.ReusePolicy(replicas=(1, 2), concurrency=2, idle_ttl=60))
env = flyte.TaskEnvironment(name="e", depends_on=[workers])
seen = []

@workers.task
async def child(x: int) -> list[int]:
    seen.append(x)
    return [os.getpid(), *seen]

@env.task
async def parent() -> list[list[int]]:
    anew = child.override(reusable="off")
    return [*await asyncio.gather(child(1), child(2)), await anew(3)]
`;

test("tasks with a policy run as children, as roots and when they are deployed", async (t) => {
  const subject = await processSubject(t, FLOW);
  const { outputs, name, actions } = await subject.run("parent", {});
  assert.deepEqual(actions, ["e.parent", "workers.child", "workers.child", "workers.child"]);
  const [first = [], second = [], third = []] = (outputs?.[0] ?? []) as number[][];
  // This executor keeps no workers: the module begins anew in a process of its own.
  assert.deepEqual([first.slice(1), second.slice(1), third.slice(1)], [[1], [2], [3]]);
  assert.equal(new Set([first[0], second[0], third[0]]).size, 3);
  const page = await fetch(
    `${subject.server.ready.url}/v2/domain/development/project/flytesnacks/runs/${name}`,
  );
  const text = await page.text();
  assert.equal(text.match(/REUSE_WITHOUT_EFFECT/gu)?.length, 1, "once for the run");
  assert.match(
    text,
    /task workers\.child is reusable \(flyte\.ReusePolicy\), and this server keeps no workers/u,
  );

  assert.match((await subject.run("child", { x: 5 })).phase, /SUCCEEDED/u);
  assert.equal((await flyteCli(subject, "deploy", "flow.py", "workers")).code, 0);
  const deployed = await flyteCli(subject, "run", "--follow", "deployed-task", "workers.child", "--x", "7");
  assert.equal(deployed.code, 0, deployed.text);
});

test("how attempts start is said by a known word, or the run is refused by its name", async (t) => {
  const subject = await processSubject(t, FLOW);
  const cli = await flyteCli(
    subject,
    "run",
    "--env",
    "BOXKITE_WARM_START=hot",
    "flow.py",
    "child",
    "--x",
    "1",
  );
  assert.notEqual(cli.code, 0);
  assert.match(cli.text, /BOXKITE_WARM_START is "hot", which is none of: off, one-shot, fork/u);
});

test("a policy that allows no worker is refused, in words of the SDK", async (t) => {
  const subject = await processSubject(t, FLOW.replace("replicas=(1, 2)", "replicas=0"));
  for (const args of [
    ["run", "flow.py", "child", "--x", "1"],
    ["deploy", "flow.py", "workers"],
  ]) {
    const { code, text } = await flyteCli(subject, ...args);
    assert.notEqual(code, 0);
    assert.match(text, /flyte\.ReusePolicy of task workers\.child has replicas max 0/u);
    assert.match(text, /replicas=\(1, 4\)/u);
  }
});
