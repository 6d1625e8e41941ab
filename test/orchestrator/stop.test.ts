import { test } from "node:test";
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
  await until(async () => (await clock.step(5_000), hasStopped), 10_000);
});
