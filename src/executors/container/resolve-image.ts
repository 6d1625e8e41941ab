/** Pins a reference: by its registry, or by the engine's own copy where the registry does not answer for it. */
import { BoxkiteError } from "../../domain/errors.ts";
import {
  formatImageReference,
  isEngineLocalName,
  parseImageReference,
  pinnedReference,
  type ImageReference,
} from "../../images/reference.ts";
import { formatPlatform, type ImagePlatform } from "../../images/registry/platform.ts";
import type { RegistryClient } from "../../images/registry/registry-client.ts";
import type { ResolvedImage } from "../../domain/image.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { EngineImage } from "../../containers/types.ts";

export interface ImageSources {
  readonly api: EngineApi;
  readonly registry: RegistryClient;
  /** What the engine runs. */
  readonly platform: ImagePlatform;
}

/** The registry's answers after which the engine's own copy is good enough, with a note. */
const FALLBACK_CODES: readonly string[] = [
  "REGISTRY_UNREACHABLE",
  "REGISTRY_RATE_LIMITED",
  "IMAGE_NOT_FOUND",
  "IMAGE_UNAUTHORIZED",
  "EGRESS_DENIED",
];

export async function resolveImage(text: string, sources: ImageSources): Promise<ResolvedImage> {
  const reference = parseImageReference(text);
  if (isEngineLocalName(reference)) return resolveLocalName(text, reference, sources);
  try {
    const { digest } = await sources.registry.resolve(reference);
    return { reference: text, pinned: pinnedReference(reference, digest), digest, source: "registry" };
  } catch (error) {
    if (!(error instanceof BoxkiteError) || !FALLBACK_CODES.includes(error.code)) throw error;
    const own = await engineImage(text, reference, sources);
    if (own === undefined) throw withoutOwnCopy(error, sources.api);
    return { ...own, note: `${error.message}; ${sources.api.engine}'s own image of that name is used` };
  }
}

async function resolveLocalName(
  text: string,
  reference: ImageReference,
  sources: ImageSources,
): Promise<ResolvedImage> {
  const own = await engineImage(text, reference, sources);
  const { engine } = sources.api;
  if (own !== undefined)
    return { ...own, note: `localhost/… names an image that only ${engine} on this machine has` };
  throw new BoxkiteError("IMAGE_NOT_FOUND", `${engine} has no image ${formatImageReference(reference)}`, {
    hint: `build it: ${engine} build -t ${text} . — or name the registry that has it`,
  });
}

async function engineImage(
  text: string,
  reference: ImageReference,
  { api, platform }: ImageSources,
): Promise<ResolvedImage | undefined> {
  // Podman builds `team/app` as localhost/team/app, Docker as docker.io/team/app.
  const full = formatImageReference(reference);
  const short = !text.startsWith(`${reference.host}/`);
  for (const name of short ? [full, `localhost/${text}`] : [full]) {
    const image = await api.inspectImage(name);
    if (image === undefined) continue;
    checkPlatform(text, image, platform);
    return { reference: text, pinned: image.id, digest: image.id, source: "engine" };
  }
  return undefined;
}

function checkPlatform(text: string, image: EngineImage, platform: ImagePlatform): void {
  if (image.architecture === "" || image.architecture === platform.architecture) return;
  throw new BoxkiteError(
    "IMAGE_WRONG_PLATFORM",
    `${text} is not for ${formatPlatform(platform)}; it is for ${image.os}/${image.architecture}`,
    {
      hint: `build it for this machine: podman build --platform ${formatPlatform(platform)} …`,
    },
  );
}

function withoutOwnCopy(error: BoxkiteError, api: EngineApi): BoxkiteError {
  return new BoxkiteError(error.code, `${error.message}; ${api.engine} has no copy of it either`, {
    hint: error.hint,
    recoverable: error.recoverable,
    cause: error,
  });
}
