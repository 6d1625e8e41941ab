/** A client of OCI registries: resolves a reference to a digest and its platforms. */
import { createHash } from "node:crypto";
import { BoxkiteError } from "../../domain/errors.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";
import { formatImageReference, type ImageReference } from "../reference.ts";
import type { CredentialSource } from "./credentials.ts";
import { ACCEPTED_MANIFESTS, decodeConfigPlatform, decodeManifest } from "./manifest.ts";
import { formatPlatform, machinePlatform, runsOn, type ImagePlatform } from "./platform.ts";
import { NO_REGISTRIES, type Registries } from "./registries.ts";
import { RegistryHttp } from "./registry-http.ts";

export interface RegistryClientOptions {
  readonly credentials?: CredentialSource;
  readonly registries?: Registries;
  /** The environment with the proxy variables. */
  readonly env?: NodeJS.ProcessEnv;
  /** The platform that images must support. @default this machine's */
  readonly platform?: ImagePlatform;
  readonly clock?: Clock;
}

export interface RegistryImage {
  /** Of the manifest as it was pushed: of the index, for an image of several platforms. */
  readonly digest: string;
  readonly mediaType: string;
  readonly platforms: readonly ImagePlatform[];
}

export interface RegistryClient {
  /** Throws IMAGE_NOT_FOUND, IMAGE_UNAUTHORIZED, IMAGE_WRONG_PLATFORM or REGISTRY_UNREACHABLE. */
  resolve(reference: ImageReference): Promise<RegistryImage>;
}

export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  const platform = options.platform ?? machinePlatform();
  const http = new RegistryHttp({
    credentials: options.credentials ?? (async () => undefined),
    registries: options.registries ?? NO_REGISTRIES,
    env: options.env ?? process.env,
    clock: options.clock ?? systemClock,
  });

  const readManifest = async (reference: ImageReference) => {
    const name = reference.digest ?? reference.tag ?? "latest";
    const { bytes, headers } = await http.get(reference, `manifests/${name}`, ACCEPTED_MANIFESTS);
    const digest = checkDigest(reference, bytes, reference.digest);
    const manifest = decodeManifest(bytes.toString());
    if (manifest === undefined) {
      throw new BoxkiteError(
        "IMAGE_NOT_FOUND",
        `${formatImageReference(reference)} is no container image (${headers.get("content-type") ?? "no type"})`,
        {
          hint: "is it another kind of artifact, such as a chart? Or an image pushed by a docker older than 1.10: push it again",
        },
      );
    }
    return { digest, manifest, mediaType: headers.get("content-type")?.split(";")[0] ?? "" };
  };

  const readPlatform = async (reference: ImageReference, configDigest: string) => {
    const { bytes } = await http.get(reference, `blobs/${configDigest}`, "*/*");
    checkDigest(reference, bytes, configDigest);
    return decodeConfigPlatform(bytes.toString());
  };

  const check = (reference: ImageReference, offered: readonly ImagePlatform[]) => {
    if (!offered.some((each) => runsOn(each, platform))) throw wrongPlatform(reference, offered, platform);
  };

  return {
    resolve: async (reference) => {
      const { digest, manifest, mediaType } = await readManifest(reference);
      const platforms =
        manifest.kind === "index"
          ? manifest.platforms
          : [await readPlatform(reference, manifest.configDigest)];
      check(reference, platforms);
      return { digest, mediaType, platforms };
    },
  };
}

/** A digest is the hash of the content; a mismatch means that the content was changed in transit or by the registry. */
function checkDigest(reference: ImageReference, bytes: Buffer, expected: string | undefined): string {
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  if (expected === undefined || expected === digest) return digest;
  throw new BoxkiteError(
    "REGISTRY_UNREACHABLE",
    `registry ${reference.host} returned other content than requested: ${digest} instead of ${expected}`,
    {
      hint: "is there a proxy in between that changes content?",
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
