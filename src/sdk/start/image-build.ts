/** Selects the builder: the server's (`image.builder: remote`), or docker or podman on this machine. */
import type { InitializedConfig } from "../authoring/config.ts";
import type { Image } from "../authoring/image.ts";
import type { BuildTarget } from "./image-resolve.ts";
import { BoxkiteError } from "../../domain/errors.ts";

/**
 * The reference of the built image; an image with the same content is not built again. Rejects with
 * ImageBuildError if it cannot be built, with CONFIG_INVALID if there is no such builder.
 */
export async function buildImage(
  image: Image,
  config: InitializedConfig,
  target: BuildTarget,
): Promise<string> {
  const builder = config.imageBuilder ?? "remote";
  switch (builder) {
    case "remote": {
      const { buildRemotely } = await import("./build-remotely.ts");
      return buildRemotely(image, config, target);
    }
    case "local":
    case "local-podman": {
      const { buildLocally, findEngine } = await import("./build-locally.ts");
      return buildLocally(image, config, builder === "local" ? await findEngine() : "podman");
    }
    default:
      throw new BoxkiteError("CONFIG_INVALID", `there is no image builder ${builder}`, {
        hint: "use remote, local or local-podman",
      });
  }
}
