/**
 * The objects that are too large to be the inputs of an action, of those that clients have written since the server was
 * started. An Enqueue asks here rather than the disk, which would make up a tenth of the call. After a restart an older
 * object is not known; then the action fails when it reads its inputs.
 */
import { MAX_INLINE_BYTES } from "../wire/inline-size.ts";

export interface LargeObjects {
  /** Called for each object that was written: only this one counts from then on. */
  written(key: string, bytes: number): void;
  /** In bytes; undefined for one that is not large, or not known. */
  sizeOf(key: string): number | undefined;
}

const MOST_KEYS = 10_000;

export function createLargeObjects(): LargeObjects {
  const sizes = new Map<string, number>();
  return {
    written: (key, bytes) => {
      sizes.delete(key);
      if (bytes <= MAX_INLINE_BYTES) return;
      sizes.set(key, bytes);
      const [oldest] = sizes.keys();
      if (sizes.size > MOST_KEYS && oldest !== undefined) sizes.delete(oldest);
    },
    sizeOf: (key) => sizes.get(key),
  };
}
