import type { ListPosition, Listing, ListingOptions, StoredObject } from "../hosted-store.ts";
import { mapInBatches } from "./batches.ts";
import type { FoundKey, Walk } from "./walk.ts";

/**
 * Gathers a listing from a walk, up to the limit. Keys that have the delimiter behind the prefix are rolled up: the walk
 * then skips the others with the same prefix.
 */
export async function collectListing(
  keys: AsyncGenerator<FoundKey>,
  walk: Walk,
  options: ListingOptions,
  describe: (found: FoundKey) => Promise<StoredObject | undefined>,
): Promise<Listing> {
  const { prefix, delimiter, after, limit } = options;
  const objects: StoredObject[] = [];
  const commonPrefixes: string[] = [];
  let unread: FoundKey[] = [];
  let last: ListPosition | undefined;

  const readUnread = async (): Promise<void> => {
    const batch = unread;
    unread = [];
    // An object that was deleted since its name was read has no description.
    for (const object of await mapInBatches(batch, describe)) if (object !== undefined) objects.push(object);
  };
  const isFull = (): boolean => objects.length + commonPrefixes.length + unread.length >= limit;

  for await (const found of keys) {
    const common = commonPrefixOf(found.key, prefix, delimiter);
    // A listing may go on after a key that is itself a common prefix, as the marker of S3's first version does.
    if (common !== undefined && common === after?.key) {
      walk.skip = common;
      continue;
    }
    if (isFull()) await readUnread();
    if (isFull()) return { objects, commonPrefixes, ...(last !== undefined && { next: last }) };
    if (common === undefined) {
      unread.push(found);
      last = { key: found.key, wholePrefix: false };
    } else {
      commonPrefixes.push(common);
      walk.skip = common;
      last = { key: common, wholePrefix: true };
    }
  }
  await readUnread();
  return { objects, commonPrefixes };
}

function commonPrefixOf(key: string, prefix: string, delimiter: string | undefined): string | undefined {
  if (delimiter === undefined || delimiter === "") return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at === -1 ? undefined : key.slice(0, at + delimiter.length);
}
