/** The build context: the files that layers copy, in one folder, and the specification that refers to them. */
import { cpSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { create } from "@bufbuild/protobuf";
import { tarGzip } from "./tar-gzip.ts";
import type { Image, Layer } from "../authoring/image.ts";
import { ImageSpecSchema, type ImageSpec } from "../../wire/gen/flyteidl2/imagebuilder/definition_pb.js";

/** Copies the files of the layers into the context folder; returns the specification, with their paths in it. */
export function writeContext(image: Image, context: string): ImageSpec {
  let copies = 0;
  const layers = image.layers.map((layer): LayerInit => {
    if (layer.kind !== "copy" && layer.kind !== "text") return encodeLayer(layer);
    const src = join(`copy${copies++}`, layer.kind === "copy" ? basename(layer.from) : layer.name);
    const target = join(context, src);
    mkdirSync(dirname(target), { recursive: true });
    // With fixed times: engines use them to decide whether a cached layer can be reused.
    if (layer.kind === "copy") cpSync(layer.from, target, { recursive: true, preserveTimestamps: true });
    else writeDated(target, layer.text);
    return { case: "copyConfig", value: { src, dst: layer.to } };
  });
  return create(ImageSpecSchema, {
    baseImage: image.base ?? "",
    platform: [...image.platforms],
    layers: layers.map((layer) => ({ layer })),
  });
}

function writeDated(file: string, text: string): void {
  writeFileSync(file, text);
  utimesSync(file, 0, 0);
}

type LayerInit =
  | { readonly case: "copyConfig"; readonly value: { readonly src: string; readonly dst: string } }
  | { readonly case: "commands"; readonly value: { readonly cmd: string[] } }
  | { readonly case: "env"; readonly value: { readonly envVariables: Record<string, string> } }
  | { readonly case: "workdir"; readonly value: { readonly workdir: string } }
  | { readonly case: "aptPackages"; readonly value: { readonly packages: string[] } }
  | { readonly case: "pipPackages"; readonly value: { readonly packages: string[] } };

function encodeLayer(layer: Exclude<Layer, { kind: "copy" | "text" }>): LayerInit {
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

/** All files of the folder, as a gzipped tar. */
export async function tarOf(folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return tarGzip(
    folder,
    files.sort().map((path) => relative(folder, path)),
  );
}
