/** Manifests and configurations of images, as far as Boxkite reads them. OCI and Docker share the fields. */
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
  | { readonly kind: "image"; readonly configDigest: string; readonly layers: readonly string[] }
  /** Another kind of artifact, or the first version of the format. `type`: what it says it is. */
  | { readonly kind: "other"; readonly type: string }
  /** No JSON object, as every manifest is. */
  | { readonly kind: "unreadable" };

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
    return { kind: "image", configDigest: digest, layers: layersOf(raw) };
  const stated = string(raw.artifactType) || configType || string(raw.mediaType);
  return { kind: "other", type: stated || (raw.schemaVersion === 1 ? "version 1 of the format" : "no type") };
}

/** Those that the registry itself has: layers with URLs come from elsewhere. */
function layersOf({ layers }: Raw): string[] {
  const all: unknown[] = Array.isArray(layers) ? layers : [];
  return all.map(object).flatMap(({ digest, urls }) => (urls === undefined ? string(digest) : []));
}

/** The platform in an image's configuration. */
export function decodeConfigPlatform(text: string): ImagePlatform {
  return decodePlatform(object(parse(text)));
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

function string(value: unknown): string {
  return typeof value === "string" ? value : "";
}
