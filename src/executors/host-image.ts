/** The image of an attempt that runs in none. */
import type { ResolvedImage } from "../domain/image.ts";

export function hostImage(reference: string, note: string): ResolvedImage {
  return { reference, pinned: reference, digest: "none", source: "host", note };
}
