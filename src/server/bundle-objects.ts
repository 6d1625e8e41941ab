/** The code that is sent with runs, as objects of this server: read for a run as its tasks would read it. */
import type { FindBundleObject } from "../code-bundles/code-bundles.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { parseObjectUri } from "../objects/uri.ts";
import type { ObjectRights } from "../orchestrator/object-rights.ts";

export interface BundleObjectsOptions {
  readonly objects: Pick<ObjectStore, "head" | "read">;
  readonly rights: Pick<ObjectRights, "mayRead">;
  readonly bucket: string;
}

export function bundleObjects({ objects, rights, bucket }: BundleObjectsOptions): FindBundleObject {
  return async (uri, run) => {
    const object = parseObjectUri(uri);
    if (object === undefined || object.bucket !== bucket || !(await rights.mayRead(run, object.key)))
      return undefined;
    const info = await objects.head(object.key);
    return info && { version: info.etag, read: () => objects.read(object.key) };
  };
}
