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

/**
 * The specification in these bytes. A field that this version does not know is refused: an image built
 * without it would not be the image that was asked for.
 */
export function decodeImageSpec(bytes: Uint8Array): ImageSpec {
  const wire = decodeMessage(ImageSpecSchema, bytes, "the image specification");
  refuseUnknownFields(wire, "image specification");
  if (wire.baseImage === "") {
    throw new BoxkiteError("INVALID_ARGUMENT", "image specification: base_image is empty", {
      hint: "Start the image with flyte.Image.from_base(...) or flyte.Image.from_debian_base().",
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
        file: contextPath(layer.value.file, "requirements.file", where),
        options: decodePipOptions(layer.value.options),
        secrets: decodeSecrets(layer.value.secretMounts, where),
      };
    case "pythonWheels":
      return {
        kind: "wheels",
        directory: contextPath(layer.value.dir, "python_wheels.dir", where),
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
      return { kind: "workdir", path: required(layer.value.workdir, "workdir", where) };
    case "copyConfig":
      return {
        kind: "copy",
        source: contextPath(layer.value.src, "copy_config.src", where),
        destination: required(layer.value.dst, "copy_config.dst", where),
      };
    case "env":
      return { kind: "env", variables: { ...layer.value.envVariables } };
    case "uvProject":
      return {
        kind: "uv-project",
        directory: contextPath(layer.value.pyproject, "uv_project.pyproject", where),
        lockFile: optionalPath(layer.value.uvlock, "uv_project.uvlock", where),
        sourceDirectory: optionalPath(layer.value.sourceDir, "uv_project.source_dir", where),
        options: decodePipOptions(layer.value.options),
        secrets: decodeSecrets(layer.value.secretMounts, where),
      };
    case "poetryProject":
      return {
        kind: "poetry",
        pyproject: contextPath(layer.value.pyproject, "poetry_project.pyproject", where),
        lockFile: contextPath(layer.value.poetryLock, "poetry_project.poetry_lock", where),
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
        `image specification: ${where} pins a version of secret group ${secret.group}: group_version is not supported`,
      );
    }
    return {
      key: required(secret.key, "secret_mounts.key", where),
      group: secret.group,
      variable: secret.envVar || undefined,
    };
  });
}

function required(value: string, field: string, where: string): string {
  if (value !== "") return value;
  throw new BoxkiteError("INVALID_ARGUMENT", `image specification: ${where}: ${field} is empty`);
}

/** Paths of files are relative to the uploaded context; no other file can be named. */
function contextPath(value: string, field: string, where: string): string {
  const path = posix.normalize(required(value, field, where));
  if (!path.startsWith("/") && path !== ".." && !path.startsWith("../")) return path;
  throw new BoxkiteError(
    "INVALID_ARGUMENT",
    `image specification: ${where}: ${field} ${JSON.stringify(value)} leads out of the build context`,
  );
}

function optionalPath(value: string, field: string, where: string): string | undefined {
  return value === "" ? undefined : contextPath(value, field, where);
}

/** Walks the message; the generated classes keep what they do not know in `$unknown`. */
function refuseUnknownFields(message: Message, where: string): void {
  const unknown = message.$unknown?.[0];
  if (unknown !== undefined) {
    throw new BoxkiteError(
      "FIELD_NOT_SUPPORTED",
      `${where}: field ${unknown.no} of ${message.$typeName} is not known to this version of Boxkite`,
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
