/** Facts of an image that only an engine has. */
import type { EngineImage } from "../../containers/types.ts";
import type { ImageFacts } from "../../domain/image-facts.ts";
import { configFacts } from "../../images/check/config-facts.ts";

export function inspectFacts(image: EngineImage): Omit<ImageFacts, "container"> {
  const platform = `${image.os}/${image.architecture}`;
  return {
    platform,
    platforms: [platform],
    sizeBytes: image.sizeBytes,
    layers: image.layers.map((digest) => ({ digest, sizeBytes: 0, compression: "unknown" })),
    config: configFacts(image),
  };
}
