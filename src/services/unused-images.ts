/**
 * Warns of images that a client had built, or asked for, and that nothing uses afterwards. The usual cause is a
 * deploy whose program did not import its tasks: the SDK has the images built, sends no task and reports
 * success (seen with flyte 2.12.1).
 */
import type { BuildRecord } from "../domain/build-record.ts";
import type { Clock, Timer } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { StoreReader } from "../store/reader.ts";

/** How long after the last image the uses are read; a client with several images sends its tasks when all exist. */
const QUIET_MS = 15_000;

export interface UnusedImages {
  /** A build begins: nothing is warned of before it has ended. The function returned is called at its end. */
  building(): () => void;
  /** A client was given this image. */
  handedOut(build: BuildRecord): void;
  /**
   * A run, a deployment or a build was refused or has failed: its client knows why nothing uses its images. Which
   * images are that client's is not known, so none of those so far is warned of.
   */
  refused(): void;
  close(): void;
}

/** Calls `method`; when it is refused, `unusedImages` learns of it. */
export function reportingRefusals<Args extends unknown[], Result>(
  unusedImages: Pick<UnusedImages, "refused">,
  method: (...args: Args) => Promise<Result> | Result,
): (...args: Args) => Promise<Result> {
  return async (...args) => {
    try {
      return await method(...args);
    } catch (error) {
      unusedImages.refused();
      throw error;
    }
  };
}

export interface UnusedImagesOptions {
  readonly store: Pick<StoreReader, "usesOfBuild">;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createUnusedImages({ store, clock, log }: UnusedImagesOptions): UnusedImages {
  const watched = new Map<string, BuildRecord>();
  let underWay = 0;
  let timer: Timer | undefined;

  const check = async () => {
    const builds = [...watched.values()];
    watched.clear();
    for (const build of builds) {
      const { deployments, runs } = await store.usesOfBuild(build);
      if (deployments.length > 0 || runs.length > 0) continue;
      log.warn("nothing uses an image yet that a client asked for: no deployed task and no run names it", {
        image: build.reference,
        hint: "if this was a deploy, import the module with the tasks: only what the program imported is sent",
      });
    }
  };
  const wait = () => {
    timer?.cancel();
    if (underWay > 0 || watched.size === 0) return;
    timer = clock.timer(QUIET_MS, () => {
      check().catch((error: unknown) => log.error("the uses of images could not be read", { error }));
    });
  };
  return {
    building: () => {
      underWay++;
      wait();
      return () => {
        underWay--;
        wait();
      };
    },
    handedOut: (build) => {
      watched.set(build.target, build);
      wait();
    },
    refused: () => watched.clear(),
    close: () => timer?.cancel(),
  };
}
