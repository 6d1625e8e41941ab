/** A builder makes images for its own platform only: the request must include it, and the base must be for it. */
import { BoxkiteError } from "../domain/errors.ts";
import type { ImageSpec } from "../images/image-spec.ts";

/** Throws IMAGE_WRONG_PLATFORM. */
export function requirePlatform(
  architecture: string,
  { platforms }: ImageSpec,
  base: string,
  baseArchitecture: string,
): void {
  const own = `linux/${architecture}`;
  if (baseArchitecture !== architecture) {
    throw new BoxkiteError(
      "IMAGE_WRONG_PLATFORM",
      `base image ${base} is for ${baseArchitecture}, the builder runs on ${architecture}`,
      { hint: `Publish the base for ${own} too, or build where the base runs.` },
    );
  }
  if (platforms.length === 0 || platforms.includes(own)) return;
  throw new BoxkiteError(
    "IMAGE_WRONG_PLATFORM",
    `platform ${platforms.join(", ")} is asked for; the builder makes ${own}`,
    { hint: `Add ${own} to platform=, or leave platform= out.` },
  );
}

/** Notes on requested platforms that are not built. */
export function notesOnPlatforms(architecture: string, { platforms }: ImageSpec): string[] {
  const own = `linux/${architecture}`;
  const others = platforms.filter((platform) => platform !== own);
  return others.length === 0
    ? []
    : [`Note: ${others.join(", ")} is not built; this builder makes ${own} only`];
}
