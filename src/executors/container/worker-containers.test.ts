/** Against a scripted engine. */
import assert from "node:assert/strict";
import { mkdir, stat } from "node:fs/promises";
import { test } from "node:test";
import { answer, startFakeEngine, status } from "../../../test/executors/fake-engine.ts";
import { fakePlan } from "../../../test/helpers/fake-workers.ts";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { connectEngine } from "../../containers/api.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import type { ContainerAttemptContext } from "./container-attempt.ts";
import { WorkerContainers } from "./worker-containers.ts";

test("a worker whose container cannot be inspected is removed when it is taken up; what it wrote stays", async (t) => {
  const lost = 'getting container from store "c1": container not known';
  const fake = await startFakeEngine(
    t,
    ({ method }, response) => (method === "GET" ? status(response, 500, lost) : answer(response, 204)),
    "podman",
  );
  const api = await connectEngine({ kind: "unix", socketPath: fake.socketPath });
  t.after(() => api.close());
  const context = { api, clock: systemClock, log: silentLogger } as Partial<ContainerAttemptContext>;
  const workers = new WorkerContainers({
    directory: await temporaryDirectory(t),
    context: () => context as ContainerAttemptContext,
  });
  await mkdir(workers.directoryOf("w"));
  assert.equal(await workers.takeUp("w", fakePlan("pool")), undefined);
  const { method, path, query } = fake.calls.at(-1) ?? {};
  assert.deepEqual([method, path, query?.get("force")], ["DELETE", "/containers/w", "true"]);
  assert.ok((await stat(workers.directoryOf("w"))).isDirectory());
});
