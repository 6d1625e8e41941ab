/** Images in a document: what they are pinned to, and what is in them, as far as they were read. */
import type { ImageFacts, PythonFacts } from "../../domain/image-facts.ts";
import type { ResolvedImage } from "../../domain/image.ts";
import type { ImageContents, ImageEntry, PythonEntry } from "../../domain/run-document.ts";
import { findImageFacts, pythonOfTasks, type KnownImagesContext } from "../../services/known-images.ts";

/** Of one document. */
export const MAX_IMAGES = 50;
const MAX_LAYERS = 200;
const MAX_PACKAGES = 1_000;

export function imageEntries(
  context: KnownImagesContext,
  images: readonly ResolvedImage[],
): Promise<readonly ImageEntry[]> {
  return Promise.all(
    images.map(async (image) => {
      const facts = await findImageFacts(context, image);
      return { ...image, ...(facts && { contents: contentsOf(facts) }) };
    }),
  );
}

function contentsOf({ platform, sizeBytes, layers, base, container }: ImageFacts): ImageContents {
  const { os, node } = container;
  const python = pythonOfTasks(container);
  return {
    platform,
    sizeBytes,
    layers: layers.slice(0, MAX_LAYERS).map(({ digest, sizeBytes: bytes }) => ({ digest, sizeBytes: bytes })),
    ...(os !== undefined && { os }),
    ...(base && { base }),
    ...(python && { python: pythonEntry(python) }),
    ...(node && { node }),
  };
}

function pythonEntry({ path, version, libc, packages }: PythonFacts): PythonEntry {
  const all = Object.entries(packages).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const shown = all.slice(0, MAX_PACKAGES);
  return {
    path,
    ...(version !== undefined && { version }),
    ...(libc !== undefined && { libc }),
    packages: Object.fromEntries(shown),
    omittedPackages: all.length - shown.length,
  };
}
