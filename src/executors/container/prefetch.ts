/**
 * Pulls images that attempts will ask for soon. The pulls are those of the attempts: one that starts meanwhile waits for the same
 * one. What fails is reported by the attempt that needs it.
 */
import type { ResolvedImage } from "../../domain/image.ts";
import type { EngineApi } from "../../containers/api.ts";
import { Limiter } from "../../lib/limiter.ts";
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

export function createPrefetch({ api, puller, log }: PrefetchOptions): Prefetch {
  const pulls = new Limiter(MAX_PULLS);
  const wanted = new Set<string>();
  let isClosed = false;

  const pull = async (image: ResolvedImage, isTrusted: boolean): Promise<void> => {
    if (isClosed || (await api.inspectImage(image.pinned)) !== undefined) return;
    log.debug("pulling an image before it is needed", { image: image.reference });
    await puller.pull(image, isTrusted, () => {});
  };

  return {
    add: (images, isTrusted) => {
      for (const image of images) {
        const name = `${isTrusted} ${image.pinned}`;
        if (image.source !== "registry" || wanted.has(name)) continue;
        wanted.add(name);
        pulls
          .run(() => pull(image, isTrusted))
          .catch((error: unknown) =>
            log.debug("an image could not be pulled before it is needed", { image: image.reference, error }),
          )
          .finally(() => wanted.delete(name));
      }
    },
    close: () => void (isClosed = true),
  };
}
