/** What is known of images that were read before. */
import type { ContainerFacts, ImageFacts, PythonFacts } from "../domain/image-facts.ts";
import { pinOf, type ResolvedImage } from "../domain/image.ts";
import { factsKey } from "../images/check/facts-cache.ts";
import { preferredPython, pythonOfA0, readyPythons } from "../images/check/interpreters.ts";
import type { ServiceContext } from "./context.ts";

export type KnownImagesContext = Pick<ServiceContext, "store" | "imagePlatform">;

/** Undefined of an image that nobody has read, and of what runs in none. */
export async function findImageFacts(
  { store, imagePlatform }: KnownImagesContext,
  image: ResolvedImage,
): Promise<ImageFacts | undefined> {
  if (pinOf(image) === undefined) return undefined;
  return store.findImageFacts(factsKey(image.digest, imagePlatform));
}

/** The interpreter that tasks run with: that of `a0`, else the first with flyte, else the one that flyte is brought to. */
export function pythonOfTasks(container: ContainerFacts): PythonFacts | undefined {
  return pythonOfA0(container) ?? readyPythons(container)[0] ?? preferredPython(container);
}
