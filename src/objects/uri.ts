/** The name by which tasks know an object: `s3://<bucket>/<key>`, the key as it is, without escapes. */

export interface ObjectLocation {
  readonly bucket: string;
  /** May be empty: the bucket itself. */
  readonly key: string;
}

const SCHEME = "s3://";

export function objectUri(bucket: string, key: string): string {
  return `${SCHEME}${bucket}/${key}`;
}

/** Undefined for a URI of another scheme, and for one without a bucket. */
export function parseObjectUri(uri: string): ObjectLocation | undefined {
  if (!uri.startsWith(SCHEME)) return undefined;
  const rest = uri.slice(SCHEME.length);
  const slash = rest.indexOf("/");
  const bucket = slash === -1 ? rest : rest.slice(0, slash);
  if (bucket === "") return undefined;
  return { bucket, key: slash === -1 ? "" : rest.slice(slash + 1) };
}
