/** A task that asks for more processors than the machine has: refused, or run with those, as the settings say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_RETRIES } from "../../src/domain/action.ts";
import type { BoxkiteError } from "../../src/domain/errors.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { until } from "../helpers/until.ts";
import { orchestratorSubject } from "./subject.ts";

const MACHINE = { cpu: 2, memoryBytes: 2 ** 33, gpu: 0 };
const create = () => createFakeExecutor(undefined, MACHINE);

test("without the setting it is refused, and the refusal names the setting", async (t) => {
  const { createRun } = await orchestratorSubject(t, { executor: create() });
  await assert.rejects(createRun("r", {}, NO_RETRIES, { requests: { cpu: 64 } }), (error: BoxkiteError) => {
    assert.equal(error.message, "task env.task asks for 64 CPU, and this machine has 2 CPU");
    assert.match(error.hint ?? "", /--cap-cpu .*cap-cpu: true/u);
    return true;
  });
});

test("with the setting it runs with what there is, in its children and its retries too", async (t) => {
  const executor = create();
  const written = { kind: "nothing" } as const;
  const { createRun, addChild, action, store, reached } = await orchestratorSubject(t, {
    executor,
    capCpu: true,
    written,
  });
  await createRun("r", {}, { userRetries: 1 }, { requests: { cpu: 64, memoryBytes: 2 ** 30 } });
  await reached("r", "running");
  const cap = { asked: 64, given: 2 };
  assert.deepEqual((await action("r"))?.cpuCap, cap);
  assert.deepEqual(executor.started[0]?.spec.limits, { cpu: 2, memoryBytes: 2 ** 30 });
  assert.deepEqual(executor.started[0]?.spec.requests, { cpu: 2, memoryBytes: 2 ** 30 });
  const root = await action("r");
  assert.ok(root);
  const [attempt] = await store.listAttempts(root);
  assert.equal(
    attempt?.transitions[0]?.reason,
    "asked for 64 CPU, and is given 2 CPU, all that the machine has (--cap-cpu)",
  );
  executor.started[0]?.observer.ended({ reason: "exited", exitCode: 1, outOfMemory: false });
  const second = () =>
    executor.started.find(({ spec }) => spec.key.action === "a0" && spec.key.attempt === 2);
  await until(async () => second() !== undefined);
  assert.equal(second()?.spec.limits.cpu, 2);
  await addChild("r", "small", "a0", { requests: { cpu: 1 } });
  await addChild("r", "child", "a0", { requests: { cpu: 3 } });
  assert.deepEqual((await action("r", "child"))?.cpuCap, { asked: 3, given: 2 });
  assert.equal((await action("r", "small"))?.cpuCap, undefined);
});

test("what was given is recorded: a server without the setting, on a larger machine, keeps to it", async (t) => {
  const executor = create();
  const subject = await orchestratorSubject(t, { executor, capCpu: true, maxParallel: 1 });
  await subject.createRun("first", {}, NO_RETRIES, { requests: { cpu: 2 } });
  await subject.reached("first", "running");
  await subject.createRun("r", {}, NO_RETRIES, { requests: { cpu: 64 } });
  const larger = createFakeExecutor(undefined, { ...MACHINE, cpu: 96 });
  Object.defineProperty(executor, "capacity", { get: () => larger.capacity });
  await subject.restart({ capCpu: false, maxParallel: 2 });
  await subject.reached("r", "running");
  assert.deepEqual((await subject.action("r"))?.cpuCap, { asked: 64, given: 2 });
  assert.deepEqual(executor.started.at(-1)?.spec.limits, { cpu: 2 });
  await subject.createRun("later", {}, NO_RETRIES, { requests: { cpu: 64 } });
  await until(async () => (await subject.action("later")) !== undefined);
  assert.equal((await subject.action("later"))?.cpuCap, undefined);
});

test("memory and devices are never capped", async (t) => {
  const { createRun } = await orchestratorSubject(t, { executor: create(), capCpu: true });
  const asks = (requests: object) => createRun("r", {}, NO_RETRIES, { requests: { cpu: 64, ...requests } });
  await assert.rejects(asks({ memoryBytes: 2 ** 40 }), /1024 GiB, and this machine has 8 GiB/u);
  await assert.rejects(asks({ gpu: 1 }), /asks for 1 GPU, and this machine has no GPU/u);
});
