/** Decodes `imagebuilder.ImageSpec`, the file that the SDK uploads before it asks for a build. */
import { posix } from "node:path";
import { isMessage, type Message } from "@bufbuild/protobuf";
import { BoxkiteError } from "../domain/errors.ts";
import type { ImageSpec, Layer, PipOptions, SecretMount } from "../images/image-spec.ts";
import { decodeMessage } from "./decode-message.ts";
import type { Secret } from "./gen/flyteidl2/core/security_pb.js";
import {
  ImageSpecSchema,
  type Layer as WireLayer,
  type PipOptions as WirePipOptions,
} from "./gen/flyteidl2/imagebuilder/definition_pb.js";

const MAX_LAYERS = 200;

/**
 * The specification in these bytes. A field that this version does not know is refused: an image built
 * without it would not be the image that was asked for.
 */
export function decodeImageSpec(bytes: Uint8Array): ImageSpec {
  const wire = decodeMessage(ImageSpecSchema, bytes, "the image specification");
  refuseUnknownFields(wire, "image specification");
  if (wire.baseImage === "") {
    throw new BoxkiteError("INVALID_ARGUMENT", "the image specification names no base", {
      hint: "Start the image with flyte.Image.from_base(...) or flyte.Image.from_debian_base().",
    });
  }
  if (wire.layers.length > MAX_LAYERS) {
    throw new BoxkiteError("LIMIT_EXCEEDED", `the image specification has ${wire.layers.length} layers`, {
      hint: `it has at most ${MAX_LAYERS}, and engines take 127: put several commands into one layer`,
    });
  }
  return {
    baseImage: wire.baseImage,
    pythonVersion: wire.pythonVersion,
    platforms: wire.platform,
    layers: wire.layers.map((layer, index) => decodeLayer(layer, `layer ${index + 1}`)),
  };
}

function decodeLayer({ layer }: WireLayer, where: string): Layer {
  switch (layer.case) {
    case "aptPackages":
      return {
        kind: "apt",
        packages: layer.value.packages,
        secrets: decodeSecrets(layer.value.secretMounts, where),
      };
    case "pipPackages":
      return {
        kind: "pip",
        packages: layer.value.packages,
        options: decodePipOptions(layer.value.options),
        secrets: decodeSecrets(layer.value.secretMounts, where),
      };
    case "requirements":
      return {
        kind: "requirements",
        file: contextPath(layer.value.file, "the requirements file", where),
        options: decodePipOptions(layer.value.options),
        secrets: decodeSecrets(layer.value.secretMounts, where),
      };
    case "pythonWheels":
      return {
        kind: "wheels",
        directory: contextPath(layer.value.dir, "the folder of wheels", where),
        packageName: layer.value.packageName,
        options: decodePipOptions(layer.value.options),
        secrets: decodeSecrets(layer.value.secretMounts, where),
      };
    case "commands":
      return {
        kind: "commands",
        commands: layer.value.cmd,
        secrets: decodeSecrets(layer.value.secretMounts, where),
      };
    case "workdir":
      return { kind: "workdir", path: required(layer.value.workdir, "the working directory", where) };
    case "copyConfig":
      return {
        kind: "copy",
        source: contextPath(layer.value.src, "the source to copy", where),
        destination: required(layer.value.dst, "the destination to copy to", where),
      };
    case "env":
      return { kind: "env", variables: { ...layer.value.envVariables } };
    case "uvProject":
      return {
        kind: "uv-project",
        directory: contextPath(layer.value.pyproject, "the project of uv", where),
        lockFile: optionalPath(layer.value.uvlock, "the lock file of uv", where),
        sourceDirectory: optionalPath(layer.value.sourceDir, "the source folder of uv", where),
        options: decodePipOptions(layer.value.options),
        secrets: decodeSecrets(layer.value.secretMounts, where),
      };
    case "poetryProject":
      return {
        kind: "poetry",
        pyproject: contextPath(layer.value.pyproject, "the project of Poetry", where),
        lockFile: contextPath(layer.value.poetryLock, "the lock file of Poetry", where),
        extraArgs: layer.value.extraArgs,
        secrets: decodeSecrets(layer.value.secretMounts, where),
      };
    case undefined:
      throw new BoxkiteError("FIELD_NOT_SUPPORTED", `image specification: ${where} is of no known kind`, {
        hint: "Upgrade Boxkite, or use an older version of the SDK for this image.",
      });
  }
}

function decodePipOptions(options: WirePipOptions | undefined): PipOptions {
  return {
    indexUrl: options?.indexUrl ?? "",
    extraIndexUrls: options?.extraIndexUrls ?? [],
    pre: options?.pre ?? false,
    extraArgs: options?.extraArgs ?? "",
  };
}

function decodeSecrets(secrets: readonly Secret[], where: string): SecretMount[] {
  return secrets.map((secret) => {
    if (secret.groupVersion !== "") {
      throw new BoxkiteError(
        "FIELD_NOT_SUPPORTED",
        `image specification: ${where} asks for one version of the secrets ${secret.group}, and this server has one of each`,
        { hint: "leave group_version out of flyte.Secret(…)" },
      );
    }
    return {
      key: required(secret.key, "the key of a secret", where),
      group: secret.group,
      variable: secret.envVar || undefined,
    };
  });
}

function required(value: string, what: string, where: string): string {
  if (value !== "") return value;
  throw new BoxkiteError("INVALID_ARGUMENT", `image specification: ${where}: ${what} is empty`, {
    hint: "name it in the layer of flyte.Image",
  });
}

/** Paths of files are relative to the uploaded context; no other file can be named. */
function contextPath(value: string, what: string, where: string): string {
  const path = posix.normalize(required(value, what, where));
  if (!path.startsWith("/") && path !== ".." && !path.startsWith("../")) return path;
  throw new BoxkiteError(
    "INVALID_ARGUMENT",
    `image specification: ${where}: ${what}, ${JSON.stringify(value)}, leads out of the build context`,
    { hint: "use files below the folder of your program" },
  );
}

function optionalPath(value: string, what: string, where: string): string | undefined {
  return value === "" ? undefined : contextPath(value, what, where);
}

/** Walks the message; the generated classes keep what they do not know in `$unknown`. */
function refuseUnknownFields(message: Message, where: string): void {
  const unknown = message.$unknown?.[0];
  if (unknown !== undefined) {
    throw new BoxkiteError(
      "FIELD_NOT_SUPPORTED",
      `${where}: it uses what this version of Boxkite does not know (field ${unknown.no} of ${message.$typeName.split(".").at(-1)})`,
      { hint: "Upgrade Boxkite, or use an older version of the SDK for this image." },
    );
  }
  for (const [name, value] of Object.entries(message)) refuseUnknownIn(value, `${where}: ${name}`);
}

function refuseUnknownIn(value: unknown, where: string): void {
  if (Array.isArray(value)) {
    value.forEach((item, index) =>
      refuseUnknownIn(item, where.endsWith(": layers") ? layerName(where, index) : where),
    );
  } else if (isMessage(value)) {
    refuseUnknownFields(value, where);
  } else if (isOneof(value)) {
    refuseUnknownIn(value.value, `${where.replace(/: layer$/, "")}: ${value.case}`);
  }
}

function layerName(where: string, index: number): string {
  return where.replace(/layers$/, `layer ${index + 1}`);
}

function isOneof(value: unknown): value is { readonly case: string; readonly value: unknown } {
  return typeof value === "object" && value !== null && "case" in value && typeof value.case === "string";
}
