/** Notifications at the end of a run, with the stock Python SDK and a receiver. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { startServer, temporaryDirectory } from "../helpers/server.ts";
import { stockPython } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

const FLOW = `
import flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def main(fails: bool) -> int:
    if fails:
        raise ValueError('say "no"\\nand mean it')
    return 1
`;

const program = (hook: string) => `
import json, sys, flyte, flow
from flyte import notify
from flyte.models import ActionPhase
flyte.init_from_config(sys.argv[1])

def refusal(notifications):
    try:
        flyte.with_runcontext(notifications=notifications).run(flow.main, fails=False)
    except Exception as error:
        return str(error)
    return "accepted"

ends = (ActionPhase.FAILED, ActionPhase.TIMED_OUT)
rules = (
    notify.Webhook(on_phase=ends, url="${hook}/{{.Run.Name}}", method="PUT", headers={"x-run": "{{.Run.Name}} {{.Error}}"}),
    notify.Slack(on_phase=ActionPhase.FAILED, webhook_url="${hook}/slack", message="{{.Run.Project}}/{{.Run.Name}}: {{.Phase}} {{.Unknown}}"),
    notify.Teams(on_phase=ActionPhase.SUCCEEDED, webhook_url="${hook}/teams"),
)
for name, fails in (("bad", True), ("good", False)):
    run = flyte.with_runcontext(name=name, notifications=rules).run(flow.main, fails=fails)
    run.wait()
print(json.dumps([
    refusal(notify.Email(on_phase=ActionPhase.FAILED, recipients=["a@example.org"])),
    refusal(notify.NamedRule("oncall")),
    refusal(notify.NamedDelivery(on_phase=ActionPhase.FAILED, name="oncall")),
    refusal(notify.Webhook(on_phase=ActionPhase.FAILED, url="${hook}", method="GET")),
    refusal(notify.Webhook(on_phase=ActionPhase.FAILED, url="mailto:a@example.org")),
]))
`;

before(() => usePython(stockPython()));

test("the end of a run is notified as it asked, also after a restart; unsupported notifications are refused", async (t) => {
  const receiver = await startReceiver(t);
  const data = await temporaryDirectory(t);
  const { server, python } = await processSubject(t, FLOW, ["--data", data]);
  receiver.answer = 503;
  const told = await python("notify.py", program(receiver.url));
  const refusals = JSON.parse(told.stdout.trim().split("\n").at(-1) ?? "") as string[];
  const places = [
    /notification 1 of the run is an e-mail/u,
    /names a notification rule/u,
    /notification 1 of the run names a delivery/u,
    /notification 1 of the run is sent by GET/u,
    /the URL of notification 1 of the run is no http/u,
  ];
  places.forEach((place, index) => assert.match(refusals[index] ?? "", place));

  const paths = () => new Set(receiver.received.map(({ path }) => path));
  await until(async () => paths().size === 3);
  await server.kill("SIGKILL");
  const refused = receiver.received.length;
  receiver.answer = 200;
  const again = ["--engine", "process", "--python", stockPython(), "--data", data];
  await startServer(t, { args: again });
  const taken = () => receiver.received.slice(refused);
  const asked = () => [...new Set(taken().map(({ method, path }) => `${method} ${path}`))].toSorted();
  await until(async () => asked().length >= 3);
  assert.deepEqual(asked(), ["POST /slack", "POST /teams", "PUT /bad"]);
  const at = (path: string) => taken().find((request) => request.path === path);
  const bad = JSON.parse(at("/bad")?.body ?? "") as Record<string, string>;
  assert.deepEqual([bad["run"], bad["project"], bad["phase"]], ["bad", "flytesnacks", "failed"]);
  assert.match(bad["error"] ?? "", /say "no"\nand mean it/u);
  assert.match(String(at("/bad")?.headers["x-run"]), /^bad .*say "no" and mean it/u);
  assert.equal(at("/bad")?.headers["content-type"], "application/json");
  assert.deepEqual(JSON.parse(at("/slack")?.body ?? ""), { text: "flytesnacks/bad: failed {{.Unknown}}" });
  assert.match(at("/teams")?.body ?? "", /Run good succeeded/u);
});
