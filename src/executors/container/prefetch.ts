/**
 * Pulls images that attempts will ask for soon. The pulls are those of the attempts: one that starts meanwhile waits for the same
 * one. What fails is reported by the attempt that needs it.
 */
import type { ResolvedImage } from "../../domain/image.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { Logger } from "../../lib/log.ts";
import type { ImagePuller } from "./image-puller.ts";

export interface PrefetchOptions {
  readonly api: Pick<EngineApi, "inspectImage">;
  readonly puller: Pick<ImagePuller, "pull">;
  readonly log: Logger;
}

export interface Prefetch {
  /** In this order. `isTrusted`: whether they may come from any host (lib/egress.ts). */
  add(images: readonly ResolvedImage[], isTrusted: boolean): void;
  /** Forgets what has not begun. */
  close(): void;
}

/** Pulls share the machine's network and disk with the attempts that run already. */
const MAX_PULLS = 2;

interface Wanted {
  readonly image: ResolvedImage;
  readonly isTrusted: boolean;
}

export function createPrefetch({ api, puller, log }: PrefetchOptions): Prefetch {
  const waiting = new Map<string, Wanted>();
  const pulling = new Set<string>();

  const pull = async ({ image, isTrusted }: Wanted): Promise<void> => {
    if ((await api.inspectImage(image.pinned)) !== undefined) return;
    log.debug("pulling an image before it is needed", { image: image.reference });
    await puller.pull(image, isTrusted, () => {});
  };

  const next = (): void => {
    for (const [name, wanted] of waiting) {
      if (pulling.size >= MAX_PULLS) return;
      waiting.delete(name);
      pulling.add(name);
      pull(wanted)
        .catch((error: unknown) => {
          log.debug("an image could not be pulled before it is needed", {
            image: wanted.image.reference,
            error,
          });
        })
        .finally(() => {
          pulling.delete(name);
          next();
        });
    }
  };

  return {
    add: (images, isTrusted) => {
      for (const image of images) {
        const name = `${isTrusted} ${image.pinned}`;
        if (image.source === "registry" && !pulling.has(name)) waiting.set(name, { image, isTrusted });
      }
      next();
    },
    close: () => waiting.clear(),
  };
}
