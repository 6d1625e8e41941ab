/** The status of a run is one and the same in lists, their filters, details, watches, and on the pages. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { RUN_STATUSES, statusOfPhase, type RunStatus } from "../../src/domain/run-status.ts";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { Filter_Function } from "../../src/wire/gen/flyteidl2/common/list_pb.js";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { Resources_ResourceName } from "../../src/wire/gen/flyteidl2/core/tasks_pb.js";
import { TaskSpecSchema } from "../../src/wire/gen/flyteidl2/task/task_definition_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { decodePhase } from "../../src/wire/phase.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { until } from "../helpers/until.ts";

const SCOPE = { project: "flytesnacks", domain: "development" };
const RUNS = "/v2/domain/development/project/flytesnacks/runs";
const projectId = { name: SCOPE.project, domain: SCOPE.domain };
const actionId = (run: string, name = "a0") => ({ run: { ...SCOPE, name: run }, name });

function task(cpu: string, retries = 0) {
  const requests = [{ name: Resources_ResourceName.CPU, value: cpu }];
  const backoff = { base: { seconds: 3_600n }, factor: 1 };
  return create(TaskSpecSchema, {
    shortName: "main",
    taskTemplate: {
      id: { name: "env.main", version: "1" },
      type: "python",
      metadata: { retries: { retries, ...(retries > 0 && { backoff }) } },
      target: { case: "container", value: { image: "fake:1", args: ["a0"], resources: { requests } } },
    },
  });
}

test("a run's status: queued, running, paused or ended, and the same wherever it is shown", async (t) => {
  const executor = createFakeExecutor(() => {}, { cpu: 4 });
  const { transport, url } = await startInProcess(t, executor, { maxParallel: 100 });
  const runs = createClient(RunService, transport);
  const actions = createClient(ActionsService, transport);
  const started = (run: string, action = "a0") =>
    until(async () => executor.started.some(({ spec: { key } }) => key.run === run && key.action === action));
  const createRun = async (name: string, spec = task("500m")) => {
    await runs.createRun({
      id: { case: "runId", value: { ...SCOPE, name } },
      task: { case: "taskSpec", value: spec },
    });
  };
  const end = (run: string) => {
    const attempt = executor.started.findLast(({ spec }) => spec.key.run === run);
    attempt?.observer.ended({ reason: "exited", exitCode: 3, outOfMemory: false });
  };
  for (const name of ["runs", "asks", "fails", "stopped"]) {
    await createRun(name);
    await started(name);
  }
  await createRun("retries", task("500m", 3));
  await started("retries");
  end("fails");
  end("retries");
  await runs.abortRun({ runId: { ...SCOPE, name: "stopped" }, reason: "not needed" });
  const seen: string[] = [];
  const stop = new AbortController();
  t.after(() => stop.abort());
  const target = { case: "projectId" as const, value: projectId };
  const watching = (async () => {
    for await (const { runs: changed } of runs.watchRuns({ target }, { signal: stop.signal }))
      for (const { action } of changed)
        seen.push(`${action?.id?.run?.name} ${ActionPhase[action?.status?.phase ?? 0]}`);
  })().catch(() => {});
  // The question is below a child: it makes the whole run wait.
  const middle = { case: "task" as const, value: { spec: task("500m") } };
  await actions.enqueue({
    action: { actionId: actionId("asks", "mid"), parentActionName: "a0", spec: middle },
  });
  await started("asks", "mid");
  await createRun("waits", task("4"));
  const condition = { case: "condition" as const, value: { name: "approve", prompt: "Ship <b>it</b>?" } };
  await actions.enqueue({
    action: { actionId: actionId("asks", "approve"), parentActionName: "mid", spec: condition },
  });

  const expected: Record<RunStatus, string[]> = {
    queued: ["retries", "waits"],
    running: ["runs"],
    paused: ["asks"],
    succeeded: [],
    failed: ["fails"],
    aborted: ["stopped"],
    timed_out: [],
  };
  const listed = async (...phases: ActionPhase[]) => {
    const comparison = phases.length === 1 ? Filter_Function.EQUAL : Filter_Function.VALUE_IN;
    const filters = [{ function: comparison, field: "phase", values: phases.map(String) }];
    const scopeBy = { case: "projectId" as const, value: projectId };
    const { runs: found } = await runs.listRuns({ scopeBy, request: { filters, limit: 100 } });
    for (const { action } of found) {
      const shown = decodePhase(action?.status?.phase ?? 0) ?? "none";
      const statuses = phases.map((phase) => decodePhase(phase));
      assert.ok(shown !== "none" && (statuses.includes(shown) || statuses.includes(statusOfPhase(shown))));
    }
    return found.map(({ action }) => action?.id?.run?.name ?? "").toSorted();
  };
  await until(async () => (await listed(ActionPhase.QUEUED)).length === 2);
  const page = async (path: string) => (await fetch(`${url}${path}`)).text();
  const all = await page(RUNS);
  for (const status of RUN_STATUSES) {
    const names = expected[status];
    const phase = ActionPhase[status.toUpperCase() as keyof typeof ActionPhase];
    assert.deepEqual(await listed(phase), names, status);
    const shown = await page(`${RUNS}?status=${status}`);
    const rows = [...shown.matchAll(/<th scope="row"><a[^>]*>([^<]*)<\/a>/gu)].map(([, name = ""]) => name);
    assert.deepEqual(
      rows.toSorted((a, b) => a.localeCompare(b)),
      names,
      status,
    );
    assert.equal(
      shown.match(new RegExp(`class="phase" data-phase="${status}"`, "gu"))?.length ?? 0,
      names.length,
    );
    assert.match(all, new RegExp(`${status.replace("_", " ")} <span class="quiet">${names.length}<`, "u"));
    for (const name of names) {
      const { details } = await runs.getRunDetails({ runId: { ...SCOPE, name } });
      const shown = decodePhase(details?.action?.status?.phase ?? 0);
      assert.equal(shown && statusOfPhase(shown), status, name);
      assert.match(
        await page(`${RUNS}/${name}`),
        new RegExp(`<h1>${name}</h1>\\s*<span class="phase" data-phase="${status}">`, "u"),
      );
    }
  }
  assert.match(all, /All <span class="quiet">6</u);
  // A phase that is only part of a status stands for itself; the page has statuses only.
  assert.deepEqual(await listed(ActionPhase.WAITING_FOR_RESOURCES), ["waits"]);
  assert.deepEqual(await listed(ActionPhase.WAITING_FOR_RESOURCES, ActionPhase.PAUSED), ["asks", "waits"]);
  assert.deepEqual(await listed(ActionPhase.WAITING_FOR_RESOURCES, ActionPhase.QUEUED), ["retries", "waits"]);
  assert.match(await page(`${RUNS}?status=waiting_for_resources`), />waits<.*>retries</su);
  assert.match(all, /Ship &lt;b&gt;it&lt;\/b&gt;\?/u);
  assert.match(all, /waiting: needs 4 CPU/u);
  assert.match(all, /attempt 1 did not succeed, and attempt 2 may start at/u);
  const scopeBy = { case: "projectId" as const, value: projectId };
  const { runs: paused } = await runs.listRuns({ scopeBy, pausedActionsOnly: true });
  assert.deepEqual(
    paused.map(({ action }) => action?.id?.run?.name),
    ["asks"],
  );
  // First of all on its page: what is asked, why it waits, or what failed.
  const first = async (run: string) =>
    /<section id="first"[^>]*>(.*?)<\/section>/su
      .exec(await page(`${RUNS}/${run}`))?.[1]
      ?.replaceAll(/\s+/gu, " ");
  assert.match(
    (await first("asks")) ?? "",
    /<form [^>]*answer\?i=approve".*Ship &lt;b&gt;it.*of <a .*>main<\/a/u,
  );
  assert.match((await first("waits")) ?? "", /Queued: .*>main<.*needs 4 CPU.*Requests<\/dt> <dd>4 CPU/u);
  assert.match((await first("retries")) ?? "", /attempt 2 may start at.*Attempt 1 failed: ExitCode/u);
  assert.match((await first("fails")) ?? "", /Failed: .*>main<.*ExitCode.*Attempt 1 of 1.*Log of attempt 1/u);
  assert.equal((await first("runs"))?.trim(), "");
  // As an action it has its own phase.
  const { details } = await runs.getActionDetails({ actionId: actionId("asks") });
  assert.equal(details?.status?.phase, ActionPhase.RUNNING);

  const payload = { value: { case: "stringValue" as const, value: "yes" } };
  await runs.signalEvent({ actionId: actionId("asks", "approve"), payload });
  assert.deepEqual(await listed(ActionPhase.PAUSED), []);
  assert.deepEqual(await listed(ActionPhase.RUNNING), ["asks", "runs"]);
  await until(async () => seen.at(-1) === "asks RUNNING");
  assert.deepEqual(
    seen.filter((line) => line.startsWith("asks")).filter((line, index, lines) => line !== lines[index - 1]),
    ["asks RUNNING", "asks PAUSED", "asks RUNNING"],
  );
  stop.abort();
  await watching;

  // Below a root that runs, what is held up is shown with its reason.
  await runs.abortRun({ runId: { ...SCOPE, name: "waits" } });
  const large = { case: "task" as const, value: { spec: task("4") } };
  await actions.enqueue({
    action: { actionId: actionId("runs", "large"), parentActionName: "a0", spec: large },
  });
  await until(async () => /Queued: .*i=large".*needs 4 CPU/u.test((await first("runs")) ?? ""));
});
