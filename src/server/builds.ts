/** The image build service; the engine's command line is examined only when the first image is built. */
import type { ImageTools } from "../platform/platform.ts";
import { createImageBuildService, type ImageBuildService } from "../builds/service.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/store.ts";

export interface BuildsOptions {
  readonly createTools: () => Promise<ImageTools>;
  readonly store: Store;
  /** A folder of the builds alone. */
  readonly workDir: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export function createBuilds(options: BuildsOptions): ImageBuildService {
  let made: Promise<ImageBuildService> | undefined;
  // A failure is not kept: the engine may be there the next time.
  const service = () =>
    (made ??= make(options).catch((error: unknown) => ((made = undefined), Promise.reject(error))));
  return {
    build: async (request) => (await service()).build(request),
    lookup: async (name, options) => (await service()).lookup(name, options),
    sweep: async () => (await service()).sweep(),
  };
}

async function make({ createTools, store, workDir, clock, log }: BuildsOptions): Promise<ImageBuildService> {
  const service = createImageBuildService({
    ...(await createTools()),
    store: {
      findByTarget: (target) => store.findBuild(target),
      findByName: (name) => store.listBuilds(name),
      findByReference: async (reference) =>
        (await store.listBuilds()).find((build) => build.reference === reference),
      record: (build) => store.recordBuild(build),
    },
    clock,
    log,
    workDir,
  });
  await service.sweep();
  return service;
}
