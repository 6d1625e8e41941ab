import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { createClient, createRouterTransport } from "@connectrpc/connect";
import type { BuildRecord } from "../domain/build-record.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { createLogger } from "../lib/log.ts";
import type { ImageUses } from "../domain/build-record.ts";
import { TaskService } from "../wire/gen/flyteidl2/task/task_service_pb.js";
import { RunService } from "../wire/gen/flyteidl2/workflow/run_service_pb.js";
import { registerRunService } from "./run-service.ts";
import { registerTaskService } from "./task-service.ts";
import { createUnusedImages } from "./unused-images.ts";

const NOBODY: ImageUses = { deployments: [], runs: [] };
const TASK = { project: "p", domain: "development", name: "env.task", version: "1" };
const MINUTE_MS = 60_000;

function setup(uses: Readonly<Record<string, ImageUses>> = {}) {
  const clock = steppedClock();
  const lines: string[] = [];
  const store = { usesOfBuild: async (build: BuildRecord) => uses[build.reference] ?? NOBODY };
  const images = createUnusedImages({
    store,
    clock,
    log: createLogger({ write: (line) => void lines.push(line) }),
  });
  const later = () => clock.step(MINUTE_MS);
  return { images, lines, later };
}

function buildOf(reference: string): BuildRecord {
  return {
    target: reference,
    name: "",
    specDigest: "",
    contextDigest: "",
    containerfile: "",
    base: { reference: "base", source: "registry", digest: "" },
    reference,
    pushed: true,
    digest: "",
    imageId: "",
    sizeBytes: 0,
    layers: [],
    createdAt: 0,
    durationMs: 0,
  };
}

suite("unused images", () => {
  test("an image that nothing uses after a while is warned of once, with what to do", async () => {
    const { images, lines, later } = setup({ used: { ...NOBODY, deployments: [TASK] } });
    images.handedOut(buildOf("used"));
    images.handedOut(buildOf("unused"));
    await later();
    await later();
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /warn .*image=unused hint=if this was a deploy, import the module/u);
  });

  test("no warning while another image is being built: its tasks come when all exist", async () => {
    const { images, lines, later } = setup();
    images.handedOut(buildOf("one"));
    const ended = images.building();
    await later();
    assert.deepEqual(lines, []);
    ended();
    await later();
    assert.equal(lines.length, 1);
  });

  test("no warning where the run or the deployment was refused: its client knows why nothing uses the image", async () => {
    const { images, lines, later } = setup();
    const context = { unusedImages: images } as never;
    const transport = createRouterTransport((router) => {
      registerRunService(router, context);
      registerTaskService(router, context);
    });
    const refused = [
      () => createClient(RunService, transport).createRun({}),
      () => createClient(TaskService, transport).deployTask({}),
    ];
    for (const call of refused) {
      images.handedOut(buildOf("one"));
      await assert.rejects(call());
      await later();
      assert.deepEqual(lines, []);
    }
  });

  test("nothing is asked of the store after the end", async () => {
    const { images, lines, later } = setup();
    images.handedOut(buildOf("one"));
    images.close();
    await later();
    assert.deepEqual(lines, []);
  });
});
