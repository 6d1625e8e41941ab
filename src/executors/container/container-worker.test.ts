import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { fakePlan } from "../../../test/helpers/fake-workers.ts";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { ContainerState } from "../../containers/types.ts";
import { silentLogger } from "../../lib/log.ts";
import type { ContainerEvents } from "./container-events.ts";
import { ContainerWorker } from "./container-worker.ts";
import { EndWatch } from "./end-watch.ts";

/** Of an engine that has only what `api` has. */
async function workerOf(t: TestContext, api: Partial<EngineApi>, isAttached: boolean) {
  const clock = steppedClock();
  const whole = api as EngineApi;
  const events = { subscribe: () => () => {} } as Partial<ContainerEvents> as ContainerEvents;
  const worker = new ContainerWorker({
    api: whole,
    clock,
    log: silentLogger,
    id: "c1",
    name: "w",
    plan: fakePlan("pool"),
    directory: await temporaryDirectory(t),
    createdAt: 0,
    watch: new EndWatch("c1", { api: whole, events, clock, log: silentLogger }),
    isAttached,
    remove: async () => {},
  });
  t.after(() => worker.close());
  return { clock, worker };
}

test("a worker that is taken up is inspected at once, since it may have ended before it was watched", async (t) => {
  for (const isAttached of [false, true]) {
    let inspections = 0;
    const state = { running: false, status: "exited", exitCode: 3, oomKilled: false } as ContainerState;
    const inspectContainer = async () => {
      inspections++;
      return state;
    };
    const { clock, worker } = await workerOf(t, { inspectContainer }, isAttached);
    let exitCode: number | undefined;
    void worker.ended.then((end) => (exitCode = end.exitCode));
    await clock.step(2_000);
    assert.deepEqual([inspections, exitCode], isAttached ? [0, undefined] : [1, 3]);
  }
});

test("a worker whose container cannot be inspected has ended when that is removed", async (t) => {
  let isRemoved = false;
  const removals: string[] = [];
  const api = {
    inspectContainer: async () => undefined,
    removeContainer: async (id: string) => {
      removals.push(id);
      if (removals.length === 1) throw new Error("it is busy");
      isRemoved = true;
    },
  };
  const { clock, worker } = await workerOf(t, api, false);
  const ended = worker.ended.then((end) => ({ end, isRemoved }));
  await clock.step(2_000);
  const message = "its container was removed";
  assert.deepEqual(await ended, {
    end: { exitCode: undefined, outOfMemory: false, message },
    isRemoved: true,
  });
  assert.deepEqual(removals, ["c1", "c1"]);
});
