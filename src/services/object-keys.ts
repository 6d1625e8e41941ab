/** Object URIs that clients send. */
import { BoxkiteError } from "../domain/errors.ts";
import type { Principal } from "../domain/principal.ts";
import { parseObjectUri } from "../objects/uri.ts";
import type { ServiceContext } from "./context.ts";

/** The key behind a URI. Throws INVALID_ARGUMENT for a URI of another store. */
export function keyOfUri(uri: string, bucket: string): string {
  const parsed = parseObjectUri(uri);
  if (parsed === undefined || parsed.bucket !== bucket || parsed.key === "") {
    throw new BoxkiteError("INVALID_ARGUMENT", `${JSON.stringify(uri)} is not an object of this server`, {
      hint: `its objects are called s3://${bucket}/…`,
    });
  }
  return parsed.key;
}

/**
 * Asks for objects that a run is given to read: nobody gives what they may not read themselves. Those of other
 * stores are not ours to give.
 */
export async function authoriseReads(
  { access, bucket }: Pick<ServiceContext, "access" | "bucket">,
  by: Principal,
  uris: readonly string[],
): Promise<void> {
  for (const uri of uris) {
    const object = parseObjectUri(uri);
    if (object?.bucket === bucket) await access.authorise(by, "read", { kind: "object", key: object.key });
  }
}
