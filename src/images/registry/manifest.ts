/** Manifests and configurations of images, as far as Boxkite reads them. OCI and Docker share the fields. */
import type { Platform } from "./platform.ts";

export const ACCEPTED_MANIFESTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");

export interface Descriptor {
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: number;
}

export type Manifest =
  /** One image for several platforms. */
  | { readonly kind: "index"; readonly entries: readonly (Descriptor & { readonly platform: Platform })[] }
  | { readonly kind: "image"; readonly config: Descriptor; readonly layers: readonly Descriptor[] };

/** What the image itself says about how it wants to be run. */
export interface ImageConfig {
  readonly platform: Platform;
  readonly env: readonly string[];
  readonly workingDirectory: string;
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly created: string | undefined;
}

type Raw = Readonly<Record<string, unknown>>;

/** Undefined for what is no image: another artifact, or the first version of the format. */
export function decodeManifest(text: string): Manifest | undefined {
  const raw = object(parse(text));
  if (Array.isArray(raw.manifests)) {
    const entries = raw.manifests.map((entry: unknown) => {
      const fields = object(entry);
      return { ...decodeDescriptor(fields), platform: decodePlatform(object(fields.platform)) };
    });
    // Attestations are listed with the platform unknown/unknown.
    return { kind: "index", entries: entries.filter(({ platform }) => platform.os !== "unknown") };
  }
  if (typeof raw.config !== "object" || raw.config === null) return undefined;
  const layers = Array.isArray(raw.layers) ? raw.layers : [];
  return {
    kind: "image",
    config: decodeDescriptor(object(raw.config)),
    layers: layers.map((layer: unknown) => decodeDescriptor(object(layer))),
  };
}

export function decodeImageConfig(text: string): ImageConfig {
  const raw = object(parse(text));
  const config = object(raw.config);
  return {
    platform: decodePlatform(raw),
    env: strings(config.Env),
    workingDirectory: string(config.WorkingDir),
    user: string(config.User),
    entrypoint: strings(config.Entrypoint),
    command: strings(config.Cmd),
    labels: Object.fromEntries(
      Object.entries(object(config.Labels)).map(([name, value]) => [name, String(value)]),
    ),
    created: typeof raw.created === "string" ? raw.created : undefined,
  };
}

function decodeDescriptor(raw: Raw): Descriptor {
  return {
    digest: string(raw.digest),
    mediaType: string(raw.mediaType),
    bytes: typeof raw.size === "number" ? raw.size : 0,
  };
}

function decodePlatform(raw: Raw): Platform {
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

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
