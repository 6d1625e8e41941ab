/** The name of the image to build: `<registry>/<name>:<tag>`, or `<name>:<tag>` for one that stays in the engine. */
import { BoxkiteError } from "../domain/errors.ts";
import { type ImageReference, isEngineLocalName, parseImageReference } from "../images/reference.ts";

export interface BuildTarget {
  /** "ghcr.io" or "localhost:5000"; undefined for an image that stays in the engine. */
  readonly registry: string | undefined;
  /** Without the registry: "team/train". */
  readonly repository: string;
  readonly tag: string;
}

export function parseTarget(text: string): BuildTarget {
  const reference = parseImageReference(text);
  if (reference.tag === undefined || reference.digest !== undefined) {
    throw new BoxkiteError(
      "IMAGE_REFERENCE_INVALID",
      `target_image ${JSON.stringify(text)} must have a tag and no digest`,
    );
  }
  if (namesRegistry(text, reference)) {
    // Host names have no case: another spelling is no other image.
    return { registry: reference.host.toLowerCase(), repository: reference.repository, tag: reference.tag };
  }
  // Without a registry the name does not mean Docker Hub: the image is not to be pushed there.
  const repository = text.slice(0, text.lastIndexOf(":")).replace(/^localhost\//, "");
  return { registry: undefined, repository, tag: reference.tag };
}

/** With its registry; without one it is named as Podman names local images. */
export function formatTarget(target: BuildTarget): string {
  return `${targetRepository(target)}:${target.tag}`;
}

export function targetRepository(target: BuildTarget): string {
  return `${target.registry ?? "localhost"}/${target.repository}`;
}

/** What GetImage asks for: the last part of the name, and the tag. */
export function lookupName(target: BuildTarget): string {
  return `${target.repository.slice(target.repository.lastIndexOf("/") + 1)}:${target.tag}`;
}

function namesRegistry(text: string, reference: ImageReference): boolean {
  if (isEngineLocalName(reference)) return false;
  return reference.host !== "docker.io" || /^[^/]*docker\.io\//.test(text);
}
