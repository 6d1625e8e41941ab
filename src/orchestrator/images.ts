/** Images of a run: each reference is resolved once and pinned for all its actions. */
import type { ResolvedImage } from "../domain/image.ts";
import type { NewRun, RunRecord } from "../domain/run.ts";
import { isTrustedRun } from "../domain/trust.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { Executor } from "../executors/executor.ts";
import type { Store } from "../store/store.ts";

/** What a reference names, or why nobody can tell. */
export type Resolution =
  | { readonly reference: string; readonly image: ResolvedImage }
  | { readonly reference: string; readonly error: BoxkiteError };

/** What a run uses for a reference without a digest: what it names then, or what the newest run used. */
export type ImagePolicy = "always" | "pinned";

export interface ImageSources {
  readonly store: Pick<Store, "newestPin" | "runImages" | "pinImage">;
  readonly executor: Pick<Executor, "resolveImage">;
  readonly imagePolicy?: ImagePolicy;
}

/** What decides which image a reference names for a run. */
export type UnpinnedRun = Pick<NewRun, "key" | "authority" | "settings">;

/** The image that the run uses for this reference; resolved and pinned on its first use. */
export async function imageOfRun(
  sources: ImageSources,
  run: RunRecord,
  reference: string,
): Promise<ResolvedImage> {
  const { store } = sources;
  const known = (await store.runImages(run.id)).find((image) => image.reference === reference);
  return known ?? store.pinImage(run, await resolve(sources, run, reference));
}

/**
 * Resolves each reference once. What cannot be resolved is part of the answer: whether it refuses the run is decided by the check
 * of its images; where it does not, the reference is resolved again for the first action that needs it.
 */
export async function resolveAll(
  sources: ImageSources,
  references: readonly string[],
  run: UnpinnedRun,
): Promise<Resolution[]> {
  return await Promise.all(
    [...new Set(references)].map((reference) =>
      resolve(sources, run, reference).then(
        (image) => ({ reference, image }),
        (error: unknown) => {
          if (error instanceof BoxkiteError) return { reference, error };
          throw error;
        },
      ),
    ),
  );
}

async function resolve(
  { store, executor, imagePolicy = "always" }: ImageSources,
  run: UnpinnedRun,
  reference: string,
): Promise<ResolvedImage> {
  // A digest names the same content at all times.
  if (imagePolicy === "pinned" && !reference.includes("@")) {
    const newest = await store.newestPin(run.key, reference);
    if (newest !== undefined && !newest.isUnpinned && newest.image.source !== "host")
      return { ...newest.image, note: `the one that run ${newest.run} used` };
  }
  return await executor.resolveImage(reference, isTrustedRun(run));
}

export function imagesIn(resolutions: readonly Resolution[]): ResolvedImage[] {
  return resolutions.flatMap((each) => ("image" in each ? [each.image] : []));
}
