import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { steppedClock } from "../helpers/stepped-clock.ts";
import { until } from "../helpers/until.ts";
import { orchestratorSubject, wrapWork } from "./subject.ts";

test("an end that cannot be recorded does not keep the server from stopping", async (t) => {
  let isBroken = false;
  const clock = steppedClock();
  const { createRun, reached, executor, orchestrator } = await orchestratorSubject(t, {
    clock,
    killed: () => true,
    wrap: wrapWork((work) => ({
      ...work,
      advance: async (change) => {
        if (isBroken) throw new Error("the disk is full");
        return work.advance(change);
      },
    })),
  });
  await createRun("r");
  await reached("r", "running");
  isBroken = true;
  executor.end("a0");
  let hasStopped = false;
  void orchestrator.stop({ endAttempts: true }).then(() => (hasStopped = true));
  await until(async () => (await clock.step(5_000), hasStopped));
});

test("what a parent calls while the server ends its attempts is not started any more", async (t) => {
  const fake = createFakeExecutor();
  let onStop = async () => {};
  const executor: typeof fake = {
    ...fake,
    stop: async (...asked) => {
      await onStop();
      return fake.stop(...asked);
    },
  };
  const { createRun, reached, addChild, phase, orchestrator } = await orchestratorSubject(t, { executor });
  await createRun("r");
  await reached("r", "running");
  let accepted: string | undefined;
  onStop = async () => {
    onStop = async () => {};
    await addChild("r", "late");
    accepted = await phase("r", "late");
  };
  await orchestrator.stop({ endAttempts: true });
  assert.equal(accepted, "queued");
  assert.deepEqual(
    fake.started.map(({ spec }) => spec.key.action),
    ["a0"],
  );
});

test("what begins while the server stops is ended with the rest", async (t) => {
  const fake = createFakeExecutor();
  const order: string[] = [];
  const executor: typeof fake = {
    ...fake,
    list: async () => {
      order.push("listed");
      return fake.list();
    },
  };
  const write = Promise.withResolvers<void>();
  const { createRun, reached, addChild, orchestrator } = await orchestratorSubject(t, {
    executor,
    wrap: wrapWork((work) => ({
      ...work,
      acceptBegun: async (...asked) => {
        const accepted = await work.acceptBegun(...asked);
        await write.promise;
        order.push("accepted");
        return accepted;
      },
    })),
  });
  await createRun("r");
  await reached("r", "running");
  order.length = 0;
  const added = addChild("r", "c1");
  await reached("r", "initializing", "c1");
  const stopped = orchestrator.stop({ endAttempts: true });
  // Turns that a stop would need that does not wait for it.
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  write.resolve();
  await Promise.all([added, stopped]);
  assert.deepEqual(order, ["accepted", "listed"]);
  assert.deepEqual(
    fake.started.map((attempt) => [attempt.spec.key.action, attempt.stopped]),
    [
      ["a0", true],
      ["c1", true],
    ],
  );
});
