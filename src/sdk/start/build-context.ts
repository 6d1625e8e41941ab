/** What a build reads: the files that its layers copy, in one folder, and the layers with their places in it. */
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { create } from "@bufbuild/protobuf";
import { pack } from "tar-stream";
import type { Image, Layer } from "../authoring/image.ts";
import { ImageSpecSchema, type ImageSpec } from "../../wire/gen/flyteidl2/imagebuilder/definition_pb.js";

/** Copies what the layers copy into the context folder, and says in the spec where it is. */
export function writeContext(image: Image, context: string): ImageSpec {
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
      throw new Error("the code bundle layer was not resolved before the build");
  }
}

/** The folder as a gzipped tar, the same bytes for the same files. */
export async function tarOf(folder: string): Promise<Uint8Array<ArrayBuffer>> {
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
