/**
 * The image build service: a specification and files in, a reference by digest out.
 *
 * A request is answered from an earlier build if that had the same input and the same base. Equal requests at the
 * same time share one build, which is stopped when the last of them is aborted. A build that was interrupted
 * starts anew, on the layers that it had finished.
 */
import type { BuildRecord } from "../domain/build-record.ts";
import type { ImageSpec, SecretMount } from "../images/image-spec.ts";
import type { Clock } from "../lib/clock.ts";
import { createKeyLocks } from "../lib/key-locks.ts";
import type { Logger } from "../lib/log.ts";
import { BaseImages, type RegistryResolver } from "./base-image.ts";
import {
  buildImage,
  type BuildPlan,
  type BuildStore,
  type BuildTools,
  type ImageBuildResult,
} from "./build.ts";
import { imageExists } from "./build-result.ts";
import type { ImageBuilder } from "./builder.ts";
import { namingImage } from "./failure.ts";
import { CONTEXT_LIMITS, type ContextLimits } from "./context-limits.ts";
import type { UploadedContext } from "./context.ts";
import { digestOf, digestUpload } from "./digests.ts";
import type { BuildOwner } from "./ownership.ts";
import { SharedBuilds } from "./shared-build.ts";
import { formatTarget, parseTarget } from "./target.ts";
import { createWorkFolder, removeAbandonedFolders, removeWorkFolder } from "./work-folders.ts";

export interface LookupOptions {
  /** Whether the server may connect to any host for this caller: see lib/egress.ts. @default false */
  readonly isTrusted?: boolean;
  /** Whether the caller may use this build. @default all */
  readonly isUsable?: ((record: BuildRecord) => boolean) | undefined;
}

export interface ImageBuildService {
  build(request: ImageBuildRequest): Promise<ImageBuildResult>;
  /** The answer to GetImage: the newest build named `name:hash` whose base is unchanged and whose image exists. */
  lookup(name: string, options?: LookupOptions): Promise<BuildRecord | undefined>;
  /** Stops and removes what builds of a dead server left behind. To be called before the first build. */
  sweep(): Promise<void>;
}

export interface ImageBuildRequest {
  readonly spec: ImageSpec;
  /** context.tar.gz, or nothing where no layer needs files. */
  readonly context: UploadedContext | undefined;
  readonly target: string;
  /** The project and domain whose run asks; undefined: the operator of the server. */
  readonly owner?: BuildOwner;
  /** Whether projects are separated: neither bases nor names that no build made are everybody's. @default false */
  readonly separated?: boolean;
  /** Whether steps may use, and so change, the cache of downloads. @default true */
  readonly downloadCache?: boolean;
  /** Builds even if the image exists, and runs every step. */
  readonly force: boolean;
  /** Whether the server may connect to any host for this caller: see lib/egress.ts. @default false */
  readonly isTrusted?: boolean;
  /** Returns the value of a secret that a layer mounts; undefined if it does not exist. Throws where it may not be used. */
  readonly readSecret?: (secret: SecretMount) => Promise<string | undefined>;
  readonly onLog: (line: string) => void;
  readonly signal: AbortSignal;
}

export interface ImageBuildServiceOptions {
  readonly builder: ImageBuilder;
  readonly store: BuildStore;
  readonly registry: RegistryResolver;
  readonly clock: Clock;
  readonly log: Logger;
  /** A folder for this service only; each build has a folder of its own below it. */
  readonly workDir: string;
  readonly limits?: ContextLimits;
}

export function createImageBuildService(options: ImageBuildServiceOptions): ImageBuildService {
  const { builder, store, registry, workDir, limits = CONTEXT_LIMITS } = options;
  const bases = new BaseImages(options);
  const tools: BuildTools = { builder, store, registry, bases, clock: options.clock, limits };
  const shared = new SharedBuilds<ImageBuildResult>();
  // One build per target at a time: a second one most likely finds the result of the first.
  const lockTarget = createKeyLocks();

  const buildInFolder = async (plan: BuildPlan, onLog: (line: string) => void, signal: AbortSignal) => {
    signal.throwIfAborted();
    const folder = await createWorkFolder(workDir);
    try {
      return await buildImage(plan, tools, { folder, onLog, signal });
    } finally {
      await removeWorkFolder(folder);
    }
  };

  return {
    async build(request) {
      request.signal.throwIfAborted();
      const plan = planOf(request);
      const target = formatTarget(plan.target);
      try {
        const contextDigest = await digestUpload(plan.context, limits, request.signal);
        const { specDigest, force, owner, separated, downloadCache, isTrusted } = plan;
        const options = [force, owner, separated, downloadCache, isTrusted];
        const key = digestOf([target, specDigest, contextDigest, ...options]);
        return await shared.join(key, request, (onLog, signal) =>
          lockTarget(target, () => buildInFolder(plan, onLog, signal)),
        );
      } catch (error) {
        throw request.signal.aborted ? error : namingImage(error, target);
      }
    },

    async lookup(name, { isTrusted = false, isUsable = () => true } = {}) {
      for (const record of (await store.findByName(name)).filter(isUsable)) {
        const good = await Promise.all([
          bases.isUnchanged(record.base, isTrusted),
          imageExists(record, builder, registry, isTrusted),
        ]);
        if (good.every(Boolean)) return record;
      }
      return undefined;
    },

    sweep: () => removeAbandonedFolders(workDir),
  };
}

function planOf(request: ImageBuildRequest): BuildPlan {
  const { spec, context, target, force, readSecret, owner } = request;
  const { separated = false, downloadCache = true, isTrusted = false } = request;
  const specDigest = digestOf(spec);
  return {
    spec,
    specDigest,
    context,
    target: parseTarget(target),
    owner,
    separated,
    downloadCache,
    force,
    isTrusted,
    readSecret,
  };
}
