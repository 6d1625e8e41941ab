import assert from "node:assert/strict";
import { test } from "node:test";
import { fakePlan } from "../../../test/helpers/fake-workers.ts";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { ContainerState } from "../../containers/types.ts";
import { silentLogger } from "../../lib/log.ts";
import type { ContainerEvents } from "./container-events.ts";
import { ContainerWorker } from "./container-worker.ts";
import { EndWatch } from "./end-watch.ts";

test("a worker that is taken up is inspected at once, since it may have ended before it was watched", async (t) => {
  for (const isAttached of [false, true]) {
    const clock = steppedClock();
    let inspections = 0;
    const state = { running: false, status: "exited", exitCode: 3, oomKilled: false } as ContainerState;
    const api = {
      inspectContainer: async () => {
        inspections++;
        return state;
      },
    } as Partial<EngineApi> as EngineApi;
    const events = { subscribe: () => () => {} } as Partial<ContainerEvents> as ContainerEvents;
    const worker = new ContainerWorker({
      api,
      clock,
      log: silentLogger,
      id: "c1",
      name: "w",
      plan: fakePlan("pool"),
      directory: await temporaryDirectory(t),
      createdAt: 0,
      watch: new EndWatch("c1", { api, events, clock, log: silentLogger }),
      isAttached,
      remove: async () => {},
    });
    t.after(() => worker.close());
    let exitCode: number | undefined;
    void worker.ended.then((end) => (exitCode = end.exitCode));
    await clock.step(2_000);
    assert.deepEqual([inspections, exitCode], isAttached ? [0, undefined] : [1, 3]);
  }
});
