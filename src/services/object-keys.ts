/** Object URIs that clients send: ours, or refused. */
import { BoxkiteError } from "../domain/errors.ts";
import { parseObjectUri } from "../objects/uri.ts";

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
