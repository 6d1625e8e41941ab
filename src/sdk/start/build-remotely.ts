/** Builds on the server (`image.builder: remote`): a run of its task `build-image`. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import { tarOf, writeContext } from "./build-context.ts";
import { failedRemotely } from "./build-failure.ts";
import { controlPlaneOf } from "./control-plane.ts";
import type { BuildTarget } from "./image-resolve.ts";
import type { InitializedConfig } from "../authoring/config.ts";
import type { Image } from "../authoring/image.ts";
import { ImageBuildError } from "../authoring/image-build-error.ts";
import { createReferenceDefinition } from "../authoring/remote-task.ts";
import { uploadFile } from "../../client/upload.ts";
import { ImageSpecSchema } from "../../wire/gen/flyteidl2/imagebuilder/definition_pb.js";

const BUILD_TASK = "build-image";
const BUILD_PROJECT = "system";
const BUILD_DOMAIN = process.env["FLYTE_IMAGEBUILDER_TASK_DOMAIN"] ?? "production";

export async function buildRemotely(
  image: Image,
  config: InitializedConfig,
  target: BuildTarget,
): Promise<string> {
  if (image.dockerfile !== undefined) {
    throw new ImageBuildError(image.target, `${image.dockerfile}: the server's builder takes no Dockerfile`, {
      hint: 'pass initFromConfig({ imageBuilder: "local" })',
    });
  }
  const controlPlane = await controlPlaneOf(config);
  const name = `${(image.name ?? "").split("/").at(-1)}:${image.tag}`;
  const { org } = config;
  const known = await controlPlane.images
    .getImage({
      id: { name },
      organization: org,
      projectId: { organization: org, name: target.project, domain: target.domain },
    })
    .then(
      (answer) => answer.image?.fqin,
      // Whatever the reason, the build below reports it better.
      () => undefined,
    );
  if (known) return known;
  const scratch = mkdtempSync(join(tmpdir(), "boxkite-image-"));
  try {
    const spec = writeContext(image, scratch);
    const where = { org, ...target };
    const specBytes = new Uint8Array(toBinary(ImageSpecSchema, spec));
    const { uri: specUri } = await uploadFile(controlPlane, where, "spec.pb", specBytes);
    const hasContext = readdirSync(scratch).length > 0;
    const context = hasContext
      ? (await uploadFile(controlPlane, where, "context.tar.gz", await tarOf(scratch))).uri
      : "";
    const { startRemoteRun } = await import("./remote-run.ts");
    const run = await startRemoteRun(
      createReferenceDefinition(BUILD_TASK, BUILD_PROJECT, BUILD_DOMAIN),
      { spec: specUri, context, target_image: image.target },
      { cacheLookupScope: "project-domain", project: target.project, domain: target.domain },
      config,
    );
    const outputs = await run.outputs().catch((cause: unknown) => {
      throw failedRemotely(image.target, run.url, cause);
    });
    const uri = typeof outputs === "string" ? outputs : Object.values(outputs as Record<string, unknown>)[0];
    if (typeof uri !== "string")
      throw new ImageBuildError(image.target, `the build of ${image.target} gave no address: ${run.url}`);
    return uri;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
