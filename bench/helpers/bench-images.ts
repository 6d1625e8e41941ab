/** Images of this machine, under names that no registry has to be asked about. */
import { messageOf } from "../../src/domain/errors.ts";
import type { BenchContext } from "./measure.ts";
import { outputOf } from "./process.ts";

/** A team's image, which knows nothing of flyte. */
export const TEAM_IMAGE = "docker.io/library/python:3.11-slim";
/** Has flyte installed. */
export const FLYTE_IMAGE = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1";
export const NODE_IMAGE = "docker.io/library/node:24-slim";

/** Why an image cannot be used with Podman here. */
export async function missingImage(...images: readonly string[]): Promise<string | undefined> {
  try {
    await outputOf("podman", ["image", "inspect", ...images]);
    return undefined;
  } catch (error) {
    return messageOf(error).split("\n")[0] ?? "there is no podman";
  }
}

/** The name under which programs of this benchmark use the image. */
export async function taggedImage(context: BenchContext, image: string, name: string): Promise<string> {
  const tag = `localhost/boxkite-bench/${name}:1`;
  await outputOf("podman", ["tag", image, tag]);
  context.defer(() => outputOf("podman", ["untag", tag, tag]));
  return tag;
}
