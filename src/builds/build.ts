/** One build, from its specification to its record. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { BaseRecord, BuildRecord } from "../domain/build-record.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { type ImageSpec, type SecretMount, secretId } from "../images/image-spec.ts";
import type { Clock } from "../lib/clock.ts";
import { retryIfStorageChanged } from "../containers/storage-retry.ts";
import type { BaseImages, RegistryResolver } from "./base-image.ts";
import { imageExists, publishImage } from "./build-result.ts";
import { BuildFailed, type BuildJob, type BuiltImage, type ImageBuilder } from "./builder.ts";
import { type RenderedContainerfile, renderContainerfile, UPLOAD_FOLDER } from "./containerfile.ts";
import { EMPTY_CONTEXT, type UnpackedContext } from "./context-digest.ts";
import type { ContextLimits } from "./context-limits.ts";
import { unpackContext, type UploadedContext } from "./context.ts";
import { engineFailureOf, explainFailure } from "./failure.ts";
import { secretVariable } from "./secret-variable.ts";
import { digestOf } from "./digests.ts";
import { type BuildOwner, ownershipAfter, requireReplaceable, requireUsable } from "./ownership.ts";
import { type BuildTarget, formatTarget, lookupName } from "./target.ts";
import { prepareContext, writeSecrets } from "./workspace.ts";

export interface ImageBuildResult {
  /** By digest, if the engine supports that. */
  readonly reference: string;
  readonly record: BuildRecord;
  /** False if an earlier build was reused. */
  readonly built: boolean;
}

/** Stores records of builds. `record` replaces the record of the same target. */
export interface BuildStore {
  findByTarget(target: string): MaybePromise<BuildRecord | undefined>;
  /** Newest first. */
  findByName(name: string): MaybePromise<readonly BuildRecord[]>;
  /** By the name that tasks use, which may end in a digest. */
  findByReference(reference: string): MaybePromise<BuildRecord | undefined>;
  record(build: BuildRecord): MaybePromise<void>;
}

type MaybePromise<T> = T | Promise<T>;

/** What is to be built. */
export interface BuildPlan {
  readonly spec: ImageSpec;
  readonly specDigest: string;
  readonly context: UploadedContext | undefined;
  readonly target: BuildTarget;
  readonly owner: BuildOwner;
  /** Whether projects are separated: calls are authenticated. */
  readonly separated: boolean;
  /** Whether steps may use the cache of downloads, which they can also change. */
  readonly downloadCache: boolean;
  /** Builds even if the image exists, and runs every step. */
  readonly force: boolean;
  /** Whether base and image may be at any host: see lib/egress.ts. */
  readonly isTrusted: boolean;
  readonly readSecret: ((secret: SecretMount) => Promise<string | undefined>) | undefined;
}

export interface BuildTools {
  readonly builder: ImageBuilder;
  readonly store: BuildStore;
  readonly registry: RegistryResolver;
  readonly bases: BaseImages;
  readonly clock: Clock;
  readonly limits: ContextLimits;
}

/** The environment of one build: its folder, its log, and the signal that stops it. */
export interface BuildRun {
  readonly folder: string;
  readonly onLog: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The record is written only after the image is published, so an incomplete build is never found. */
export async function buildImage(
  plan: BuildPlan,
  tools: BuildTools,
  run: BuildRun,
): Promise<ImageBuildResult> {
  const { builder, store, registry, bases, clock } = tools;
  const { onLog, signal } = run;
  const startedAt = clock.now();
  const target = formatTarget(plan.target);
  await requireSecrets(plan);
  const context = await unpack(plan, tools, run);
  const recipeDigest = digestOf([plan.spec.baseImage, plan.spec.layers, context.digest]);
  const known = await store.findByTarget(target);
  requireReplaceable(known, plan.owner, recipeDigest);
  if (known === undefined && plan.separated) await requireFree(target, plan, tools);
  const base = await bases.resolve(plan.spec.baseImage, plan.isTrusted, onLog, signal);
  if (plan.separated) {
    const { reference } = base;
    requireUsable(
      (await store.findByTarget(reference)) ?? (await store.findByReference(reference)),
      plan.owner,
    );
  }

  if (
    known !== undefined &&
    !plan.force &&
    isSameBuild(known, plan, context, base) &&
    (await imageExists(known, builder, registry, plan.isTrusted))
  ) {
    onLog(`${known.reference} was built before from the same base: nothing to do`);
    const record = { ...known, ...ownershipAfter(known, plan.owner), recipeDigest };
    await store.record(record);
    return { reference: known.reference, record, built: false };
  }

  const facts = await bases.prepare(plan, base, onLog, signal);
  const rendered = renderContainerfile(plan.spec, facts, {
    digestOf: context.digestOf,
    mounts: builder.mounts,
    downloadCache: plan.downloadCache,
    certificates: builder.certificates,
  });
  const { imageId } = await runSteps(plan, rendered, context, tools, run);
  await bases.requireUnmoved(base);
  const published = await publishImage(imageId, plan.target, builder, {
    scratchDir: run.folder,
    isTrusted: plan.isTrusted,
    onLog,
    signal,
  });
  const [image, layers] = await Promise.all([builder.inspect(imageId), builder.history(imageId)]);
  const record: BuildRecord = {
    target,
    name: lookupName(plan.target),
    ...ownershipAfter(known, plan.owner),
    recipeDigest,
    specDigest: plan.specDigest,
    contextDigest: context.digest,
    containerfile: rendered.text,
    base,
    ...published,
    imageId,
    sizeBytes: image?.sizeBytes ?? 0,
    layers,
    createdAt: clock.now(),
    durationMs: clock.now() - startedAt,
  };
  await store.record(record);
  onLog(`Built ${record.reference}`);
  return { reference: record.reference, record, built: true };
}

/** Throws where a secret may not be used: an image that exists and was built with it is not given out either. */
async function requireSecrets({ spec, readSecret }: BuildPlan): Promise<void> {
  const mounts = spec.layers.flatMap((layer) => ("secrets" in layer ? layer.secrets : []));
  for (const secret of mounts) await readSecret?.(secret);
}

/** An image that the registry or the engine has under this name, and that no build made, is not replaced either. */
async function requireFree(
  name: string,
  { target, isTrusted }: BuildPlan,
  { builder, registry }: BuildTools,
): Promise<void> {
  const image =
    target.registry === undefined ? await builder.inspect(name) : await registry.resolve(name, isTrusted);
  if (image === undefined) return;
  throw new BoxkiteError("PERMISSION_DENIED", `${name} exists, and no build of this server made it`, {
    hint: "give your image another name, or have the operator remove the old one",
  });
}

async function unpack(plan: BuildPlan, { limits }: BuildTools, run: BuildRun): Promise<UnpackedContext> {
  const upload = join(contextFolder(run), UPLOAD_FOLDER);
  await mkdir(upload, { recursive: true, mode: 0o755 });
  if (plan.context === undefined) return EMPTY_CONTEXT;
  return await unpackContext(await plan.context.open(), upload, limits, run.signal);
}

async function runSteps(
  { spec, force, readSecret }: BuildPlan,
  rendered: RenderedContainerfile,
  context: UnpackedContext,
  { builder, clock }: BuildTools,
  run: BuildRun,
): Promise<BuiltImage> {
  const containerfile = await prepareContext(run.folder, spec, rendered, context);
  const secrets = await writeSecrets(run.folder, rendered.secrets, async (secret) => {
    const value = await readSecret?.(secret);
    if (value !== undefined) return value;
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `secret ${secretId(secret)}, which a layer of the image mounts, does not exist`,
      { hint: `set the variable ${secretVariable(secret)} where the server starts, and start it again` },
    );
  });
  const job: BuildJob = {
    containerfile,
    steps: rendered.steps,
    contextDir: contextFolder(run),
    scratchDir: run.folder,
    secrets,
    noCache: force,
    onLog: run.onLog,
    signal: run.signal,
  };
  try {
    // It then uses another cached image.
    return await retryIfStorageChanged(async () => builder.build(job), {
      isDisturbed: (error) => error instanceof BuildFailed && engineFailureOf(error)?.retry === "now",
      onRetry: () => job.onLog("The engine's images were changed while it built; building again"),
      signal: run.signal,
      clock,
    });
  } catch (error) {
    throw error instanceof BuildFailed ? explainFailure(error, rendered.steps) : error;
  }
}

/** The Containerfile and the secrets are outside of it, where COPY cannot reach them. */
function contextFolder({ folder }: BuildRun): string {
  return join(folder, "root");
}

function isSameBuild(
  known: BuildRecord,
  plan: BuildPlan,
  context: UnpackedContext,
  base: BaseRecord,
): boolean {
  return (
    known.specDigest === plan.specDigest &&
    known.contextDigest === context.digest &&
    known.base.source === base.source &&
    known.base.digest === base.digest
  );
}
