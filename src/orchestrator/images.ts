/** Images of a run: each reference is resolved once and pinned for all its actions. */
import type { ResolvedImage } from "../domain/image.ts";
import type { NewRun, RunRecord } from "../domain/run.ts";
import { isTrustedRun } from "../domain/trust.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { Executor } from "../executors/executor.ts";
import type { Store } from "../store/store.ts";

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
 * Resolves the references that can be resolved. Another one fails the first action that needs it, with the
 * reason: an image that no action uses does no harm.
 */
export async function resolveAll(
  executor: Executor,
  references: readonly string[],
  run: NewRun,
): Promise<ResolvedImage[]> {
  const distinct = [...new Set(references)];
  const results = await Promise.all(
    distinct.map((reference) =>
      executor.resolveImage(reference, isTrustedRun(run)).catch((error: unknown) => {
        if (error instanceof BoxkiteError) return undefined;
        throw error;
      }),
    ),
  );
  return results.filter((image) => image !== undefined);
}
