/** Which objects a run may access: it may read and write its own, and read those that were granted to it. */
import type { RunKey } from "../domain/ids.ts";
import { objectUri, parseObjectUri } from "../objects/uri.ts";
import type { Store } from "../store/store.ts";
import { runFolderOf } from "./paths.ts";

export interface ObjectRights {
  /** Did, or will, the run itself write it? */
  owns(run: RunKey, key: string): Promise<boolean>;
  mayRead(run: RunKey, key: string): Promise<boolean>;
  /** Those of the URIs that the run may read: it cannot grant what it may not read itself. */
  readable(run: RunKey, uris: readonly string[]): Promise<readonly string[]>;
}

/** A key or URI that ends in '/' is a prefix. */
export function createObjectRights(store: Store, bucket: string): ObjectRights {
  const owns = async (run: RunKey, key: string) => {
    const folder = runFolderOf(key);
    if (folder === undefined || !isSameRun(folder.run, run)) return false;
    if (folder.parent === `${run.project}/${run.domain}`) return true;
    const record = await store.getRun(run);
    return record?.settings.rawDataPrefix === objectUri(bucket, folder.parent);
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

function isSameRun(a: RunKey, b: RunKey): boolean {
  return a.run === b.run && a.project === b.project && a.domain === b.domain;
}
