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

/** The image that the run uses for this reference; resolved and pinned on its first use. */
export async function imageOfRun(
  store: Store,
  executor: Executor,
  run: RunRecord,
  reference: string,
): Promise<ResolvedImage> {
  const known = (await store.runImages(run.id)).find((image) => image.reference === reference);
  return known ?? store.pinImage(run, await executor.resolveImage(reference, isTrustedRun(run)));
}

/**
 * Resolves each reference once. One that cannot be resolved fails the first action that needs it, with the reason: an image
 * that no action uses does no harm.
 */
export async function resolveAll(
  executor: Executor,
  references: readonly string[],
  run: Pick<NewRun, "authority" | "settings">,
): Promise<Resolution[]> {
  return await Promise.all(
    [...new Set(references)].map((reference) =>
      executor.resolveImage(reference, isTrustedRun(run)).then(
        (image) => ({ reference, image }),
        (error: unknown) => {
          if (error instanceof BoxkiteError) return { reference, error };
          throw error;
        },
      ),
    ),
  );
}

export function imagesIn(resolutions: readonly Resolution[]): ResolvedImage[] {
  return resolutions.flatMap((each) => ("image" in each ? [each.image] : []));
}
