/** Manifests and configurations of images, as far as Boxkite reads them. OCI and Docker share the fields. */
import type { ImageConfigFacts } from "../../domain/image-facts.ts";
import type { ImagePlatform } from "./platform.ts";

export const ACCEPTED_MANIFESTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

export type Manifest =
  /** One image for several platforms. */
  | { readonly kind: "index"; readonly images: readonly IndexEntry[] }
  | {
      readonly kind: "image";
      readonly configDigest: string;
      readonly layers: readonly ManifestLayer[];
      readonly annotations: Readonly<Record<string, string>>;
    }
  /** Another kind of artifact, or the first version of the format. `type`: what it says it is. */
  | { readonly kind: "other"; readonly type: string }
  /** No JSON object, as every manifest is. */
  | { readonly kind: "unreadable" };

export interface ManifestLayer {
  readonly digest: string;
  /** As it is stored. */
  readonly sizeBytes: number;
  readonly mediaType: string;
  /** Whether the registry itself has it: layers with URLs come from elsewhere. */
  readonly isHere: boolean;
}

/** What a configuration says of how containers are started. */
export interface ImageConfig extends ImageConfigFacts {
  readonly platform: ImagePlatform;
}

export interface IndexEntry {
  readonly digest: string;
  readonly platform: ImagePlatform;
}

type Raw = Readonly<Record<string, unknown>>;

/** Of images; engines take the last one, too, which some early registries wrote. */
const CONFIG_TYPES = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
  "application/octet-stream",
];

export function decodeManifest(text: string): Manifest {
  const parsed = parse(text);
  if (typeof parsed !== "object" || parsed === null) return { kind: "unreadable" };
  const raw = object(parsed);
  if (Array.isArray(raw.manifests)) {
    const images = raw.manifests.map((entry: unknown) => ({
      digest: string(object(entry).digest),
      platform: decodePlatform(object(object(entry).platform)),
    }));
    // Attestations are listed with the platform unknown/unknown.
    return { kind: "index", images: images.filter(({ platform }) => platform.os !== "unknown") };
  }
  const { digest, mediaType } = object(raw.config);
  const configType = string(mediaType);
  const isImage = configType === "" || CONFIG_TYPES.includes(configType);
  if (typeof digest === "string" && isImage)
    return {
      kind: "image",
      configDigest: digest,
      layers: layersOf(raw),
      annotations: textsOf(object(raw.annotations)),
    };
  const stated = string(raw.artifactType) || configType || string(raw.mediaType);
  return { kind: "other", type: stated || (raw.schemaVersion === 1 ? "version 1 of the format" : "no type") };
}

function layersOf({ layers }: Raw): ManifestLayer[] {
  return list(layers)
    .map(object)
    .map(({ digest, size, mediaType, urls }) => ({
      digest: string(digest),
      sizeBytes: typeof size === "number" && size > 0 ? size : 0,
      mediaType: string(mediaType),
      isHere: urls === undefined,
    }));
}

export function decodeImageConfig(text: string): ImageConfig {
  const raw = object(parse(text));
  const config = object(raw.config);
  return {
    platform: decodePlatform(raw),
    user: string(config.User),
    workdir: string(config.WorkingDir),
    entrypoint: list(config.Entrypoint).map(string),
    cmd: list(config.Cmd).map(string),
    env: Object.fromEntries(list(config.Env).map(string).map(splitVariable)),
    volumes: Object.keys(object(config.Volumes)),
    stopSignal: string(config.StopSignal),
    healthcheck: list(object(config.Healthcheck).Test).length > 0,
  };
}

function splitVariable(pair: string): [string, string] {
  const at = pair.indexOf("=");
  return at === -1 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
}

function decodePlatform(raw: Raw): ImagePlatform {
  return {
    os: string(raw.os) || "linux",
    architecture: string(raw.architecture),
    ...(typeof raw.variant === "string" && raw.variant !== "" && { variant: raw.variant }),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function object(value: unknown): Raw {
  return typeof value === "object" && value !== null ? (value as Raw) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textsOf(raw: Raw): Record<string, string> {
  return Object.fromEntries(
    Object.entries(raw).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

function string(value: unknown): string {
  return typeof value === "string" ? value : "";
}
