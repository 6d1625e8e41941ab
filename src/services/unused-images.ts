/**
 * Tells of images that a client had built, or asked for, and that nothing uses afterwards. Mostly it was a
 * deploy whose program did not import its tasks: the SDK has the images built, sends no task and reports
 * success (seen with flyte 2.12.1).
 */
import type { BuildRecord } from "../domain/build-record.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";

/** After the last image; a client with several sends its tasks when all are there. */
const QUIET_MS = 15_000;

export interface UnusedImages {
  /** A build begins: no verdict before it has ended. Returns what tells its end. */
  building(): () => void;
  handedOut(build: BuildRecord): void;
  close(): void;
}

export function createUnusedImages(store: Pick<Store, "usesOfBuild">, log: Logger): UnusedImages {
  const watched = new Map<string, BuildRecord>();
  let underWay = 0;
  let timer: NodeJS.Timeout | undefined;

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
    clearTimeout(timer);
    if (underWay > 0 || watched.size === 0) return;
    timer = setTimeout(
      () =>
        void check().catch((error: unknown) => log.error("the uses of images could not be read", { error })),
      QUIET_MS,
    );
    timer.unref();
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
    close: () => clearTimeout(timer),
  };
}
