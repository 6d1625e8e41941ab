/** What may be under way at the same time: a slow effect must not keep others from being performed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ROOT_ACTION } from "../../src/domain/ids.ts";
import { LOCAL } from "../../src/domain/principal.ts";
import { steppedClock } from "../helpers/stepped-clock.ts";
import { NO_LOGS, orchestratorSubject, settle } from "./subject.ts";

test("processes that go on behind their outputs, however many, keep no other attempt from being ended", async (t) => {
  const clock = steppedClock();
  const { executor, createRun, orchestrator, phase } = await orchestratorSubject(t, {
    clock,
    logs: NO_LOGS,
    killed: () => true,
    maxParallel: 1_000,
  });
  const lingering = Array.from({ length: 300 }, (_, n) => `lingers${n}`);
  await Promise.all([...lingering, "other"].map((run) => createRun(run)));
  await settle(clock, () => executor.started.length);
  assert.equal(await phase("other"), "running");
  for (const run of lingering)
    orchestrator.objectWritten(`p/development/runs/${run}/${ROOT_ACTION}/1/outputs.pb`);
  for (let turns = 0; turns < 50 && (await phase("lingers299")) === "running"; turns++) await clock.step(100);
  assert.equal(await phase("lingers299"), "succeeded");
  await orchestrator.abort(
    { project: "p", domain: "development", run: "other", action: ROOT_ACTION },
    "enough",
    LOCAL,
  );
  for (let turns = 0; turns < 5; turns++) await clock.step(100);
  const stopped = executor.started.filter((attempt) => attempt.stopped).map(({ spec }) => spec.key.run);
  assert.deepEqual(stopped, ["other"]);
  await clock.step(30_000);
  await settle(clock, () => executor.started.filter(({ released }) => released).length);
  assert.ok(executor.started.every(({ released }) => released));
});
