import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { failedRemotely } from "./build-failure.ts";
import { buildLocally } from "./build-locally.ts";
import { TaskError } from "../authoring/errors.ts";
import type { InitializedConfig } from "../authoring/config.ts";
import { Image } from "../authoring/image.ts";
import { ImageBuildError } from "../authoring/image-build-error.ts";
import { BuildFailed } from "../../builds/builder.ts";
import { explainFailure } from "../../builds/failure.ts";
import { BoxkiteError, textOf } from "../../domain/errors.ts";

test("of the server's builder: the step and the last lines out of its text", () => {
  const step = {
    text: "RUN one \\\n    two",
    summary: "RUN one …",
    firstLine: 1,
    lastLine: 2,
    layer: 1,
    title: "layer 1 (commands)",
  };
  const said = ["no space left on device", "    at main (x.js:1)"];
  const explained = textOf(explainFailure(new BuildFailed(1, { step: 0 }, said), [step]));
  const cause = new TaskError(explained, { code: "IMAGE_BUILD_FAILED", kind: "user" });
  const error = failedRemotely("reg/own:1", "http://host/runs/b1", cause);
  assert.deepEqual([error.code, error.image, error.step], ["IMAGE_BUILD_FAILED", "reg/own:1", step.summary]);
  assert.deepEqual(error.log, said);
  assert.match(error.hint ?? "", /^The engine's disk is full/);
  assert.match(error.message, /^the build of reg\/own:1 failed: http:\/\/host\/runs\/b1\nlayer 1/);
  const unknown = failedRemotely("reg/own:1", "u", new TaskError("gone", { code: "Lost", kind: "system" }));
  assert.deepEqual([unknown.step, unknown.log, unknown.hint], [undefined, [], undefined]);
});

/** A docker that knows no image and fails to build, saying so. */
function fakeDocker(t: TestContext, script: string): void {
  const folder = mkdtempSync(join(tmpdir(), "boxkite-docker-"));
  const { PATH } = process.env;
  t.after(() => {
    process.env["PATH"] = PATH;
    rmSync(folder, { recursive: true, force: true });
  });
  writeFileSync(join(folder, "docker"), `#!/bin/sh\n[ "$1" = image ] && exit 1\n${script}\n`);
  chmodSync(join(folder, "docker"), 0o755);
  process.env["PATH"] = `${folder}:${PATH}`;
}

const IMAGE = Image.fromBase("reg/base:1").clone({ name: "own", registry: "reg", extendable: true });
const FAILS = IMAGE.withCommands(["false"]);
const CONFIG = { imageRegistry: undefined } as InitializedConfig;

const OUTPUTS = {
  podman: "STEP 1/2: FROM reg/base:1\nSTEP 2/2: RUN false\nerror: exit 1",
  docker: "Step 1/2 : FROM reg/base:1\nStep 2/2 : RUN false\nerror: exit 1",
  BuildKit: "#5 [2/2] RUN false\n------\n > [2/2] RUN false:\n------\nerror: exit 1",
};

for (const [builder, output] of Object.entries(OUTPUTS)) {
  test(`of ${builder} on this machine: the step and the last lines out of its output`, async (t) => {
    fakeDocker(t, `cat >&2 <<'END'\n${output}\nEND\nexit 1`);
    await assert.rejects(buildLocally(FAILS, CONFIG, "docker"), (error) => {
      assert.ok(error instanceof ImageBuildError && error instanceof BoxkiteError && error instanceof Error);
      assert.deepEqual(
        [error.code, error.image, error.step],
        ["IMAGE_BUILD_FAILED", FAILS.target, "RUN false"],
      );
      assert.equal(error.log.at(-1), "error: exit 1");
      return true;
    });
  });
}

test("an image that cannot be pushed is not built either; an engine that is not there is no failed build", async (t) => {
  fakeDocker(t, `[ "$1" = build ] && exit 0\necho "denied" >&2; exit 1`);
  await assert.rejects(buildLocally(FAILS, CONFIG, "docker"), { name: "ImageBuildError", log: ["denied"] });
  process.env["PATH"] = "/nowhere";
  await assert.rejects(buildLocally(FAILS, CONFIG, "docker"), (error) => {
    assert.ok(error instanceof BoxkiteError && !(error instanceof ImageBuildError));
    return error.code === "ENGINE_UNREACHABLE";
  });
});
