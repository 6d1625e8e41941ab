/** Builders: the server's (`image.builder: remote`), or docker, or podman, of this machine. */
import { execFile } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { pack } from "tar-stream";
import type { InitializedConfig } from "../authoring/config.ts";
import { controlPlaneOf } from "./control-plane.ts";
import type { Image, Layer } from "../authoring/image.ts";
import type { BuildTarget } from "./image-resolve.ts";
import { createReferenceDefinition } from "../authoring/remote-task.ts";
import { uploadFile } from "../../client/upload.ts";
import { ImageSpecSchema, type ImageSpec } from "../../wire/gen/flyteidl2/imagebuilder/definition_pb.js";

export class ImageBuildError extends Error {
  override readonly name = "ImageBuildError";
}

/** The address of the built image; an image with the same content is not built again. */
export async function buildImage(
  image: Image,
  config: InitializedConfig,
  target: BuildTarget,
): Promise<string> {
  const builder = config.imageBuilder ?? "remote";
  switch (builder) {
    case "remote":
      return buildRemotely(image, config, target);
    case "local":
      return buildLocally(image, config, "docker");
    case "local-podman":
      return buildLocally(image, config, "podman");
    default:
      throw new ImageBuildError(`there is no image builder ${builder}; use remote, local or local-podman`);
  }
}

const BUILD_TASK = "build-image";
const BUILD_PROJECT = "system";
const BUILD_DOMAIN = process.env["FLYTE_IMAGEBUILDER_TASK_DOMAIN"] ?? "production";

async function buildRemotely(image: Image, config: InitializedConfig, target: BuildTarget): Promise<string> {
  if (image.dockerfile !== undefined) {
    throw new ImageBuildError(
      `${image.dockerfile}: the server's builder takes no Dockerfile; use imageBuilder: "local"`,
    );
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
      // Whatever the reason, the build will tell it better.
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
      throw new ImageBuildError(`the build of ${image.target} failed: ${run.url}`, { cause });
    });
    const uri = typeof outputs === "string" ? outputs : Object.values(outputs as Record<string, unknown>)[0];
    if (typeof uri !== "string")
      throw new ImageBuildError(`the build of ${image.target} gave no address: ${run.url}`);
    return uri;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Copies what the layers copy into the context folder, and says in the spec where it is. */
function writeContext(image: Image, context: string): ImageSpec {
  let copies = 0;
  const layers = image.layers.map((layer): ImageSpec["layers"][number]["layer"] | LayerInit => {
    if (layer.kind !== "copy") return encodeLayer(layer);
    const src = join(`copy${copies++}`, basename(layer.from));
    mkdirSync(dirname(join(context, src)), { recursive: true });
    // With its times: engines tell by them whether a layer can be taken from their cache.
    cpSync(layer.from, join(context, src), { recursive: true, preserveTimestamps: true });
    return { case: "copyConfig", value: { src, dst: layer.to } };
  });
  return create(ImageSpecSchema, {
    baseImage: image.base ?? "",
    platform: [...image.platforms],
    layers: layers.map((layer) => ({ layer: layer as LayerInit })),
  });
}

type LayerInit =
  | { readonly case: "copyConfig"; readonly value: { readonly src: string; readonly dst: string } }
  | { readonly case: "commands"; readonly value: { readonly cmd: string[] } }
  | { readonly case: "env"; readonly value: { readonly envVariables: Record<string, string> } }
  | { readonly case: "workdir"; readonly value: { readonly workdir: string } }
  | { readonly case: "aptPackages"; readonly value: { readonly packages: string[] } }
  | { readonly case: "pipPackages"; readonly value: { readonly packages: string[] } };

function encodeLayer(layer: Exclude<Layer, { kind: "copy" }>): LayerInit {
  switch (layer.kind) {
    case "commands":
      return { case: "commands", value: { cmd: [...layer.commands] } };
    case "env":
      return { case: "env", value: { envVariables: { ...layer.variables } } };
    case "workdir":
      return { case: "workdir", value: { workdir: layer.path } };
    case "apt":
      return { case: "aptPackages", value: { packages: [...layer.packages] } };
    case "pip":
      return { case: "pipPackages", value: { packages: [...layer.packages] } };
    case "codeBundle":
      throw new ImageBuildError("the code bundle layer was not resolved before the build");
  }
}

async function tarOf(folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const archive = pack();
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).sort();
  for (const path of paths) {
    const mode = (statSync(path).mode & 0o111) === 0 ? 0o644 : 0o755;
    archive.entry({ name: relative(folder, path), mode, mtime: new Date(0) }, readFileSync(path));
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  return new Uint8Array(gzipSync(Buffer.concat(chunks)));
}

const run = promisify(execFile);

async function buildLocally(
  image: Image,
  config: InitializedConfig,
  engine: "docker" | "podman",
): Promise<string> {
  const registry = image.registry ?? config.imageRegistry;
  // Without a registry the image stays in the engine, under the name by which engines know that.
  const tagged = image.clone({ registry: registry ?? "localhost" });
  const { target } = tagged;
  const exists = await run(engine, ["image", "inspect", target]).then(
    () => true,
    () => false,
  );
  if (!exists) {
    const scratch = mkdtempSync(join(tmpdir(), "boxkite-image-"));
    try {
      const folder = image.dockerfile === undefined ? scratch : dirname(image.dockerfile);
      const file = image.dockerfile ?? join(scratch, "Dockerfile");
      if (image.dockerfile === undefined) writeFileSync(file, containerfile(image, scratch));
      await run(engine, ["build", "--file", file, "--tag", target, ...platformOptions(image), folder], {
        maxBuffer: 64 << 20,
      });
    } catch (cause) {
      const output = ((cause as { stderr?: string }).stderr ?? "")
        .trimEnd()
        .split("\n")
        .slice(-15)
        .join("\n");
      throw new ImageBuildError(`${engine} could not build ${target}\n${output}`, { cause });
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  if (registry !== undefined) await run(engine, ["push", target], { maxBuffer: 64 << 20 });
  return target;
}

function platformOptions(image: Image): string[] {
  return image.platforms.length === 0 ? [] : ["--platform", image.platforms.join(",")];
}

/** The layers as a Containerfile. The USER and WORKDIR of the base stay as they are. */
export function containerfile(image: Image, context: string): string {
  const spec = writeContext(image, context);
  const lines = [`FROM ${spec.baseImage}`];
  for (const { layer } of spec.layers) {
    switch (layer.case) {
      case "commands":
        lines.push(...layer.value.cmd.map((command) => `RUN ${command}`));
        break;
      case "env":
        lines.push(
          ...Object.entries(layer.value.envVariables).map(([name, value]) => `ENV ${name}=${quote(value)}`),
        );
        break;
      case "workdir":
        lines.push(`WORKDIR ${layer.value.workdir}`);
        break;
      case "copyConfig":
        lines.push(`COPY ${layer.value.src} ${layer.value.dst}`);
        break;
      case "aptPackages":
        lines.push(
          `RUN apt-get update && apt-get install -y --no-install-recommends ${layer.value.packages.join(" ")} && rm -rf /var/lib/apt/lists/*`,
        );
        break;
      case "pipPackages":
        lines.push(`RUN python3 -m pip install --no-cache-dir ${layer.value.packages.join(" ")}`);
        break;
      default:
        break;
    }
  }
  return `${lines.join("\n")}\n`;
}

/** `$NAME` stays: it expands to the value of the base. */
function quote(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
