/** What the stock SDK returns of a run: final phase, outputs, exceptions, report, code and logs. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { flyteCli } from "../helpers/stock-cli.ts";
import { stockPython, type ProgramResult } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

before(() => usePython(stockPython()));

const FLOW = `
import asyncio, os, sys
from datetime import timedelta
import flyte, flyte.report
env = flyte.TaskEnvironment(name="e")

@env.task
async def good(x: int) -> tuple[int, str]:
    return x + 1, "two"

@env.task
async def bad(x: int) -> int:
    raise ValueError("x is too small")

@env.task
async def sleeps(x: int) -> int:
    await asyncio.sleep(600)
    return x

@env.task(timeout=flyte.Timeout(max_runtime=timedelta(seconds=2)))
async def too_long(x: int) -> int:
    await asyncio.sleep(600)
    return x

@env.task(report=True)
async def reports(x: int) -> int:
    await flyte.report.replace.aio(f"<b>the report of {x}</b>")
    await flyte.report.flush.aio()
    return x

@env.task(report=True)
async def outer(x: int) -> int:
    await flyte.report.replace.aio("<i>outer</i>")
    await flyte.report.flush.aio()
    return await reports(x)

@env.task(retries=1)
async def chatty(place: str) -> int:
    attempt = os.environ["FLYTE_ATTEMPT_NUMBER"]
    print(f"attempt {attempt} says hello", flush=True)
    print(f"attempt {attempt} warns", file=sys.stderr, flush=True)
    while not os.path.exists(os.path.join(place, f"go-{attempt}")):
        await asyncio.sleep(0.05)
    print(f"attempt {attempt} goes", flush=True)
    if attempt == "0":
        raise ValueError("again")
    return 1
`;

function answersOf(result: ProgramResult): Record<string, unknown> {
  return JSON.parse(result.stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
}

test("wait, outputs and raise_for_status, for each way a run can end", async (t) => {
  const subject = await processSubject(t, FLOW);
  const result = await subject.python(
    "ends.py",
    `
import json, sys, flyte, flow
from flyte.remote import Run
flyte.init_from_config(sys.argv[1])

def start(name, task):
    return flyte.with_runcontext(name=name).run(task, x=1)

def raised(ask):
    try:
        return ["returned", str(ask())]
    except Exception as error:
        return [f"{type(error).__module__}.{type(error).__name__}", str(error)]

good, bad, aborted, late = start("good", flow.good), start("bad", flow.bad), start("aborted", flow.sleeps), start("late", flow.too_long)
early = raised(aborted.raise_for_status)
aborted.abort(reason="changed my mind")
runs = {"good": good, "bad": bad, "aborted": aborted, "late": late}
for run in runs.values():
    run.wait(quiet=True)
# As another program sees them, which did not start them.
found = {name: Run.get(name) for name in runs}
print(json.dumps({
    "early": early,
    "done": {name: [run.done(), found[name].done(), str(run.phase)] for name, run in runs.items()},
    "status": {name: raised(run.raise_for_status) for name, run in runs.items()},
    "found": {name: raised(run.raise_for_status) for name, run in found.items()},
    "outputs": list(good.outputs()),
    "typed": found["good"].typed_outputs({"o0": int, "o1": str}),
    "inputs": dict(found["good"].inputs()),
    "no_outputs": {name: raised(found[name].outputs) for name in ("bad", "aborted", "late")},
    "first_failure": bad.first_failure().error_message,
    "too_late": {name: raised(found[name].abort) for name in runs},
}))
`,
  );
  const told = answersOf(result);
  const status = told["status"] as Record<string, [string, string]>;
  assert.deepEqual(status["good"], ["returned", "None"]);
  assert.deepEqual(status["bad"], ["flyte.errors.RuntimeUserError", "x is too small"]);
  assert.deepEqual(status["aborted"], [
    "flyte.errors.ActionAbortedError",
    "Run aborted was aborted: changed my mind",
  ]);
  assert.equal(status["late"]?.[0], "flyte.errors.MaxRuntimeExceededError");
  assert.match(status["late"]?.[1] ?? "", /^Run late timed out: .*2 s/u);
  assert.deepEqual(told["found"], status);
  const [early, message] = told["early"] as [string, string];
  assert.equal(early, "flyte.errors.RuntimeUserError");
  assert.match(message, /call wait\(\) before raise_for_status/);
  assert.deepEqual(told["done"], {
    good: [true, true, "ActionPhase.SUCCEEDED"],
    bad: [true, true, "ActionPhase.FAILED"],
    aborted: [true, true, "ActionPhase.ABORTED"],
    late: [true, true, "ActionPhase.TIMED_OUT"],
  });
  const late = told["too_late"] as Record<string, [string, string]>;
  for (const name of ["good", "bad", "late"]) assert.match(late[name]?.[1] ?? "", /has already ended/u, name);
  assert.deepEqual(late["aborted"], ["returned", "None"]);
  assert.deepEqual(told["outputs"], [2, "two"]);
  assert.deepEqual(told["typed"], { o0: 2, o1: "two" });
  assert.deepEqual(told["inputs"], { x: 1 });
  assert.equal(told["first_failure"], "x is too small");
  // No exception here: the SDK takes the empty message that it receives as outputs.
  assert.deepEqual(told["no_outputs"], {
    bad: ["returned", "ActionOutputs(o0=None)"],
    aborted: ["returned", "ActionOutputs(o0=None)"],
    late: ["returned", "ActionOutputs(o0=None)"],
  });
});

test("reports of a run and of an action in it, and the code, through the SDK", async (t) => {
  const subject = await processSubject(t, FLOW);
  await subject.run("outer", { x: 7 }, { name: "one" });
  await subject.run("bad", { x: 7 }, { name: "none" });
  const result = await subject.python(
    "downloads.py",
    `
import json, pathlib, sys, flyte
from flyte.remote import Action, Run
flyte.init_from_config(sys.argv[1])
run = Run.get("one")
[child] = [action for action in Action.listall(for_run_name="one") if action.parent_name]
code = run.download_code(dest="code")
try:
    missing = Run.get("none").get_report()
except Exception as error:
    missing = str(error)
print(json.dumps({
    "report": run.get_report(),
    "of_child": child.get_report(),
    "code": (code / "flow.py").read_text() == pathlib.Path("flow.py").read_text(),
    "bundle": run.code_bundle().tgz,
    "missing": missing,
}))
`,
  );
  const told = answersOf(result) as Record<string, string>;
  assert.match(told["report"] ?? "", /<i>outer<\/i>/);
  assert.match(told["of_child"] ?? "", /<b>the report of 7<\/b>/);
  assert.ok(told["code"]);
  assert.match(told["bundle"] ?? "", /^s3:\/\/boxkite\/.*\.tar\.gz$/u);
  assert.match(told["missing"] ?? "", /action a0 has no REPORT/u);
});

test("a log without new lines sends keep-alive messages to its followers", async (t) => {
  const subject = await processSubject(t, FLOW);
  const waiting = subject.run("sleeps", { x: 1 }, { name: "silent" });
  const transport = createConnectTransport({ baseUrl: subject.server.ready.url, httpVersion: "1.1" });
  const run = { project: "flytesnacks", domain: "development", name: "silent" };
  const actionId = { run, name: "a0" };
  const exists = () => createClient(RunService, transport).getRunDetails({ runId: run });
  await until(() =>
    exists().then(
      () => true,
      () => false,
    ),
  );
  // While the task sleeps there are no lines; an empty message comes within the 30 s that clients wait.
  const logs = createClient(DataProxyService, transport).tailLogs({ actionId });
  for await (const { logs: batches } of logs) if (batches.length === 0) break;
  await flyteCli(subject, "abort", "run", "silent");
  assert.match((await waiting).phase.toLowerCase(), /aborted/u);
});

test("logs are followed while they grow, and read per attempt after the end", async (t) => {
  const subject = await processSubject(t, FLOW);
  const { directory, server } = subject;
  // An attempt goes on only when its log has been read: without live following the test would hang here.
  const result = await subject.python(
    "follow.py",
    `
import json, sys, flyte, flow
flyte.init_from_config(sys.argv[1])
run = flyte.with_runcontext(name="one").run(flow.chatty, place=${JSON.stringify(directory)})
run.wait(quiet=True, wait_for="running")
seen = []
for attempt in (1, 2):
    for line in run.get_logs(attempt=attempt, filter_system=True):
        seen.append(line.strip())
        if "warns" in line:
            open(f"go-{attempt - 1}", "w").close()
run.wait(quiet=True)
print(json.dumps({"seen": seen, "outputs": list(run.outputs())}))
`,
  );
  const followed = answersOf(result) as { seen: string[]; outputs: unknown[] };
  for (const attempt of [0, 1]) {
    const lines = followed.seen.filter((line) => line.startsWith(`attempt ${attempt}`));
    assert.deepEqual(lines.toSorted(), [
      `attempt ${attempt} goes`,
      `attempt ${attempt} says hello`,
      `attempt ${attempt} warns`,
    ]);
  }
  assert.deepEqual(followed.outputs, [1]);

  const logs = (...args: string[]) => flyteCli(subject, "get", "logs", "one", ...args);
  const [latest, first, timed, own, missing] = await Promise.all([
    logs(),
    logs("--attempt", "1"),
    logs("--attempt", "1", "--show-ts"),
    logs("--filter-system"),
    logs("--attempt", "3"),
  ]);
  assert.match(latest.text, /attempt 1 says hello/);
  assert.doesNotMatch(latest.text, /attempt 0/);
  assert.match(first.text, /attempt 0 says hello[^]*attempt 0 goes/u);
  assert.match(timed.text, /\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\] attempt 0 says hello/u);
  assert.match(own.text, /attempt 1 goes/);
  assert.doesNotMatch(own.text, /\[flyte\]/u);
  assert.equal(missing.code, 1);

  // The protocol has no field for the stream of a line (LogLine): the page and its download show it.
  const address = `${server.ready.url}/v2/domain/development/project/flytesnacks/runs/one/log?attempt=1`;
  const lines = (await (await fetch(address)).text()).trim().split("\n");
  const of = (stream: string) => lines.filter((line) => line.split(" ")[1] === stream);
  assert.ok(of("stdout").some((line) => line.endsWith("attempt 0 says hello")));
  assert.ok(of("stderr").some((line) => line.endsWith("attempt 0 warns")));
  const part = async (query: string) =>
    (await (await fetch(`${address}&${query}`)).text()).trim().split("\n");
  assert.deepEqual(await part("from=2"), lines.slice(2));
  assert.deepEqual(await part("stream=stdout"), of("stdout"));
  assert.ok(lines.every((line) => !Number.isNaN(Date.parse(line.split(" ")[0] ?? ""))));
});
