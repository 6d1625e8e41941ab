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
  | { readonly kind: "index"; readonly platforms: readonly ImagePlatform[] }
  | { readonly kind: "image"; readonly configDigest: string };

type Raw = Readonly<Record<string, unknown>>;

/** Undefined for what is no image: another kind of artifact, or the first version of the format. */
export function decodeManifest(text: string): Manifest | undefined {
  const raw = object(parse(text));
  if (Array.isArray(raw.manifests)) {
    const platforms = raw.manifests.map((entry: unknown) => decodePlatform(object(object(entry).platform)));
    // Attestations are listed with the platform unknown/unknown.
    return { kind: "index", platforms: platforms.filter(({ os }) => os !== "unknown") };
  }
  if (typeof raw.config !== "object" || raw.config === null) return undefined;
  return { kind: "image", configDigest: string(object(raw.config).digest) };
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
