/**
 * URLs that carry their own permission.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
import {
  ALGORITHM,
  canonicalQuery,
  canonicalRequest,
  scopeText,
  sha256Hex,
  sign,
  signingContext,
  stringToSign,
  timestampOf,
  UNSIGNED_PAYLOAD,
} from "./signature.ts";
import { encodeUriPath } from "./uri-encoding.ts";

/** As S3: seven days. */
export const MAX_EXPIRES_SECONDS = 7 * 24 * 3600;
export const DEFAULT_REGION = "us-east-1";

export interface PresignOptions {
  readonly method: "GET" | "HEAD" | "PUT" | "DELETE";
  /** `http://host:port`, as the one who uses the URL reaches the server. */
  readonly origin: string;
  readonly bucket: string;
  readonly key: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region?: string;
  readonly expiresInSeconds: number;
  readonly nowMs: number;
  /** Headers that the user of the URL must send just so. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Parameters of the operation, such as `response-content-disposition`. */
  readonly query?: Readonly<Record<string, string>>;
}

export function presign(options: PresignOptions): string {
  const { method, bucket, key, accessKeyId, region = DEFAULT_REGION } = options;
  const timestamp = timestampOf(options.nowMs);
  const scope = { date: timestamp.slice(0, 8), region };
  const origin = new URL(options.origin);
  const headers = Object.entries({ ...options.headers, host: origin.host }).map(
    ([name, value]) => [name.toLowerCase(), value] as const,
  );
  const path = `/${bucket}/${key}`;
  const query = Object.entries({
    ...options.query,
    "X-Amz-Algorithm": ALGORITHM,
    "X-Amz-Credential": `${accessKeyId}/${scopeText(scope)}`,
    "X-Amz-Date": timestamp,
    "X-Amz-Expires": String(Math.min(options.expiresInSeconds, MAX_EXPIRES_SECONDS)),
    "X-Amz-SignedHeaders": headers
      .map(([name]) => name)
      .sort()
      .join(";"),
  });
  const canonical = canonicalRequest({ method, path, query, headers, payloadHash: UNSIGNED_PAYLOAD });
  const context = signingContext(options.secretAccessKey, scope, timestamp);
  const signature = sign(context, stringToSign(context, ALGORITHM, [sha256Hex(canonical)]));
  return `${origin.origin}${encodeUriPath(path)}?${canonicalQuery(query)}&X-Amz-Signature=${signature}`;
}
