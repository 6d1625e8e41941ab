/** The fit on an image without flyte, by Docker. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { NO_POLICY } from "../../src/executors/container/confinement.ts";
import { findEngine } from "../../src/containers/find.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { RuntimeFitter, fitsInMemory } from "../../src/python-runtime/runtime-fitter.ts";
import { createImageRunner } from "../../src/executors/container/image-runner.ts";
import { LABEL } from "../../src/executors/container/container-spec.ts";
import { startDocker } from "../helpers/dockerd.ts";
import { ARCH, STORE_DIRECTORY, testStore } from "./test-store.ts";

const INSTANCE = "test-python-runtime";
const IMAGE = "docker.io/library/python:3.10-slim";

const docker = await startDocker([IMAGE]);
after(() => docker.stop());

test("an image without flyte can use the runtime", { skip: docker.missing ?? false }, async (t) => {
  const engine = await findEngine({ preference: "docker", env: docker.env, log: silentLogger });
  t.after(() => engine.close());
  const path = "/usr/local/bin/python3";
  const run = createImageRunner({
    api: engine.api,
    image: IMAGE,
    interpreter: path,
    info: await engine.api.info(),
    policy: NO_POLICY,
    instance: INSTANCE,
    clock: systemClock,
  });
  const fitter = new RuntimeFitter({
    store: testStore(),
    directory: STORE_DIRECTORY,
    records: fitsInMemory(),
    clock: systemClock,
    log: silentLogger,
  });
  const interpreter = { path, version: "3.10.13", libc: "glibc", arch: ARCH };
  const fitted = await fitter.fit({
    digest: (await engine.api.inspectImage(IMAGE))?.id ?? "",
    interpreter,
    run,
  });
  assert.deepEqual(fitted?.fit, { kind: "append" });
  assert.match(fitted.start?.mounts[0]?.source ?? "", /\/compiled\//u);
  assert.deepEqual(await engine.api.listContainers([`${LABEL.probe}=${INSTANCE}`]), []);
});
