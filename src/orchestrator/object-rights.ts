/** Which objects a run may touch: its own, and to read what it was handed. */
import type { RunKey } from "../domain/ids.ts";
import { objectUri, parseObjectUri } from "../objects/uri.ts";
import type { Store } from "../store/store.ts";
import { isRunRawDataKey, runBaseUri } from "./paths.ts";

export interface ObjectRights {
  /** Did, or will, the run itself write it? */
  owns(run: RunKey, key: string): Promise<boolean>;
  mayRead(run: RunKey, key: string): Promise<boolean>;
  /** Of these URIs those that the run may read itself: nobody hands on what they have not got. */
  readable(run: RunKey, uris: readonly string[]): Promise<readonly string[]>;
}

/** Keys and URIs that end in '/' stand for all that is below them. */
export function createObjectRights(store: Store, bucket: string): ObjectRights {
  const owns = async (run: RunKey, key: string) => {
    if (objectUri(bucket, key).startsWith(`${runBaseUri(bucket, run)}/`)) return true;
    const record = await store.getRun(run);
    return record !== undefined && isRunRawDataKey(record, bucket, key);
  };
  const mayRead = async (run: RunKey, key: string) =>
    (await owns(run, key)) || (await store.isGranted(run, objectUri(bucket, key)));
  return {
    owns,
    mayRead,
    readable: async (run, uris) => {
      const allowed = await Promise.all(
        uris.map(async (uri) => {
          const object = parseObjectUri(uri);
          return object?.bucket === bucket && (await mayRead(run, object.key));
        }),
      );
      return uris.filter((_, index) => allowed[index]);
    },
  };
}
