/** A client of OCI registries: resolves a reference to a digest and its platforms. */
import { createHash } from "node:crypto";
import { BoxkiteError } from "../../domain/errors.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import type { EgressRule } from "../../lib/egress.ts";
import { formatImageReference, type ImageReference } from "../reference.ts";
import type { CredentialSource } from "./credentials.ts";
import {
  ACCEPTED_MANIFESTS,
  decodeImageConfig,
  decodeManifest,
  type ImageConfig,
  type Manifest,
  type ManifestLayer,
} from "./manifest.ts";
import { formatPlatform, machinePlatform, runsOn, type ImagePlatform } from "./platform.ts";
import { NO_REGISTRIES, type Registries } from "./registries.ts";
import { notFromRegistry } from "./refusal.ts";
import { RegistryHttp } from "./registry-http.ts";

export interface RegistryClientOptions {
  readonly credentials?: CredentialSource;
  readonly registries?: Registries;
  /** The environment with the proxy variables. */
  readonly env?: NodeJS.ProcessEnv;
  /** The platform that images must support. @default this machine's */
  readonly platform?: ImagePlatform;
  /** Which hosts are contacted: the registry, its token service, and what both redirect to. @default every host */
  readonly egress?: EgressRule | undefined;
  readonly clock?: Clock;
}

export interface RegistryImage {
  /** Of the manifest as it was pushed: of the index, for an image of several platforms. */
  readonly digest: string;
  readonly mediaType: string;
  readonly platforms: readonly ImagePlatform[];
}

/** Of the image for this client's platform. */
export interface RegistryImageDetails extends RegistryImage {
  readonly layers: readonly ManifestLayer[];
  readonly config: ImageConfig;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface RegistryClient {
  /** Throws IMAGE_NOT_FOUND, IMAGE_UNAUTHORIZED, IMAGE_WRONG_PLATFORM, REGISTRY_RATE_LIMITED, REGISTRY_UNREACHABLE or EGRESS_DENIED. */
  resolve(reference: ImageReference): Promise<RegistryImage>;
  /** What its manifest and configuration say. Throws like `resolve`. */
  describe(reference: ImageReference): Promise<RegistryImageDetails>;
  /** Requests the first byte of each layer for this platform. Throws like `resolve`. */
  requireLayers(reference: ImageReference): Promise<void>;
  /** For requests that a container engine will send itself. Throws EGRESS_DENIED where the registry's host is denied. */
  requireAllowed(reference: ImageReference): Promise<void>;
}

export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  const platform = options.platform ?? machinePlatform();
  const http = new RegistryHttp({
    credentials: options.credentials ?? (async () => undefined),
    registries: options.registries ?? NO_REGISTRIES,
    env: options.env ?? process.env,
    egress: options.egress,
    clock: options.clock ?? systemClock,
  });

  const readManifest = async (reference: ImageReference) => {
    const path = `manifests/${reference.digest ?? reference.tag ?? "latest"}`;
    const reply = await http.get(reference, path, ACCEPTED_MANIFESTS);
    const manifest = decodeManifest(reply.text);
    // Before the digest, which a page for people does not have either.
    if (manifest.kind === "unreadable") throw notFromRegistry(http.requested(reference, path), reply);
    const digest = checkDigest(reference, reply.bytes, reference.digest);
    if (manifest.kind === "other") throw noImage(reference, manifest.type);
    return { digest, manifest, mediaType: reply.headers.get("content-type")?.split(";")[0] ?? "" };
  };

  const readConfig = async (reference: ImageReference, configDigest: string): Promise<ImageConfig> => {
    const { bytes, text } = await http
      .get(reference, `blobs/${configDigest}`, "*/*")
      .catch((error: unknown) => {
        throw isMissing(error) ? incomplete(reference, `configuration ${configDigest}`, error) : error;
      });
    checkDigest(reference, bytes, configDigest);
    return decodeImageConfig(text);
  };

  /** Of an index the image for this platform; undefined where it has none. */
  const ownImage = async (
    reference: ImageReference,
    manifest: Manifest,
  ): Promise<(Manifest & { readonly kind: "image" }) | undefined> => {
    if (manifest.kind === "image") return manifest;
    const own = manifest.kind === "index" && manifest.images.find((each) => runsOn(each.platform, platform));
    if (!own) return undefined;
    const image = await readManifest({ ...reference, digest: own.digest });
    return image.manifest.kind === "image" ? image.manifest : undefined;
  };

  const check = (reference: ImageReference, offered: readonly ImagePlatform[]) => {
    if (!offered.some((each) => runsOn(each, platform))) throw wrongPlatform(reference, offered, platform);
  };

  return {
    requireAllowed: async ({ host }) => options.egress?.checkName(new URL(http.originOf(host))),
    resolve: async (reference) => {
      const { digest, manifest, mediaType } = await readManifest(reference);
      const platforms =
        manifest.kind === "index"
          ? manifest.images.map((each) => each.platform)
          : [(await readConfig(reference, manifest.configDigest)).platform];
      check(reference, platforms);
      return { digest, mediaType, platforms };
    },
    describe: async (reference) => {
      const { digest, manifest, mediaType } = await readManifest(reference);
      const listed = manifest.kind === "index" ? manifest.images.map((each) => each.platform) : undefined;
      if (listed !== undefined) check(reference, listed);
      const own = await ownImage(reference, manifest);
      if (own === undefined) throw incomplete(reference, "manifest for this platform");
      const config = await readConfig(reference, own.configDigest);
      const platforms = listed ?? [config.platform];
      check(reference, platforms);
      const { layers, annotations } = own;
      return { digest, mediaType, platforms, layers, config, annotations };
    },
    requireLayers: async (reference) => {
      const { manifest } = await readManifest(reference);
      const own = await ownImage(reference, manifest);
      for (const { digest } of own?.layers.filter(({ isHere }) => isHere) ?? []) {
        await http.get(reference, `blobs/${digest}`, "*/*", "first byte").catch((error: unknown) => {
          throw isMissing(error) ? incomplete(reference, `layer ${digest}`, error) : error;
        });
      }
    },
  };
}

/** A digest is the hash of the content; a mismatch means that the content was changed in transit or by the registry. */
function checkDigest(reference: ImageReference, bytes: Buffer, expected: string | undefined): string {
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  if (expected === undefined || expected === digest) return digest;
  throw new BoxkiteError(
    "REGISTRY_UNREACHABLE",
    `registry ${reference.host} returned other content than requested for ${formatImageReference(reference)}: ${digest} instead of ${expected}`,
    {
      hint: "its storage is damaged, or a proxy in between changes content: push the image again, or ask without the proxy (NO_PROXY)",
      recoverable: false,
    },
  );
}

function isMissing(error: unknown): error is BoxkiteError {
  return error instanceof BoxkiteError && error.code === "IMAGE_NOT_FOUND";
}

function incomplete(reference: ImageReference, part: string, cause?: BoxkiteError): BoxkiteError {
  return new BoxkiteError(
    "IMAGE_NOT_FOUND",
    `registry ${reference.host} has ${formatImageReference(reference)} only in part: its ${part} is missing`,
    {
      hint: "its push was not completed, or the registry has lost a part of it: push the image again",
      cause,
    },
  );
}

function noImage(reference: ImageReference, type: string): BoxkiteError {
  return new BoxkiteError(
    "IMAGE_NOT_FOUND",
    `${formatImageReference(reference)} is not a container image (${type})`,
    {
      hint: "it is another kind of artifact, such as a chart, or an image pushed by a docker older than 1.10: name an image, or push it again",
    },
  );
}

function wrongPlatform(
  reference: ImageReference,
  offered: readonly ImagePlatform[],
  wanted: ImagePlatform,
): BoxkiteError {
  const list = [...new Set(offered.map(formatPlatform))].join(", ") || "none";
  const name = formatImageReference(reference);
  return new BoxkiteError(
    "IMAGE_WRONG_PLATFORM",
    `${name} is not for ${formatPlatform(wanted)}; it is for ${list}`,
    {
      hint: `build and push it for this machine too: podman build --platform ${formatPlatform(wanted)} …`,
    },
  );
}
