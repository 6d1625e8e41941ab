/** Facts of images that were read before; an image's digest says that they are still true. */
import type { ImageFacts, ImageFactsKey } from "../../domain/image-facts.ts";
import type { ImageReference } from "../reference.ts";
import { formatPlatform, type ImagePlatform } from "../registry/platform.ts";
import type { RegistryClient } from "../registry/registry-client.ts";

/** Raised when a probe finds out more, or otherwise: facts of an earlier version are not used. */
export const FACTS_VERSION = 4;

/** The store is one. */
export interface FactsCache {
  findImageFacts(key: ImageFactsKey): Promise<ImageFacts | undefined>;
  recordImageFacts(key: ImageFactsKey, facts: ImageFacts, atMs: number): Promise<void>;
}

export function factsKey(digest: string, platform: ImagePlatform): ImageFactsKey {
  return { digest, platform: formatPlatform(platform), version: FACTS_VERSION };
}

/** Those that another container would find, too. */
export function isLasting({ container }: ImageFacts): boolean {
  return container.complete && container.startFailure === undefined;
}

/**
 * Without an engine: the registry says what the reference names, so only who may read it gets the facts. Undefined where
 * they are not known. Throws what the registry answers.
 */
export async function findKnownFacts(
  reference: ImageReference,
  { registry, cache, platform }: { registry: RegistryClient; cache: FactsCache; platform: ImagePlatform },
): Promise<{ readonly digest: string; readonly facts: ImageFacts } | undefined> {
  const { digest } = await registry.resolve(reference);
  const facts = await cache.findImageFacts(factsKey(digest, platform));
  return facts && { digest, facts };
}
