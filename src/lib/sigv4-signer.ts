/** Requests and URLs with a signature of version 4, as a client of S3 makes them. */
import {
  ALGORITHM,
  canonicalQuery,
  canonicalRequest,
  keepKey,
  encodeUriPath,
  scopeText,
  sha256Hex,
  sign,
  signingContext,
  stringToSign,
  timestampOf,
  UNSIGNED_PAYLOAD,
  type CanonicalParts,
} from "./sigv4.ts";

/** As S3: seven days. */
export const MAX_EXPIRES_SECONDS = 7 * 24 * 3600;
export const DEFAULT_REGION = "us-east-1";

export interface Signer {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly region?: string;
  /** Milliseconds since the epoch: when it is signed. */
  readonly nowMs: number;
}

export interface RequestToSign extends Pick<CanonicalParts, "method" | "path" | "payloadHash"> {
  readonly query?: CanonicalParts["query"];
  /** As in the Host header. */
  readonly host: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface SignedHeaders {
  /** All to send: the given ones, and those of the signature. */
  readonly headers: Readonly<Record<string, string>>;
  /** Alone, for a body whose chunks are signed in a chain that begins with it. */
  readonly signature: string;
}

/** https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
export function signHeaders(request: RequestToSign, signer: Signer): SignedHeaders {
  const { accessKeyId, secretAccessKey, sessionToken, region = DEFAULT_REGION } = signer;
  const timestamp = timestampOf(signer.nowMs);
  const context = signingContext(secretAccessKey, { date: timestamp.slice(0, 8), region }, timestamp);
  keepKey(context);
  const headers = {
    ...request.headers,
    host: request.host,
    "x-amz-content-sha256": request.payloadHash,
    "x-amz-date": timestamp,
    ...(sessionToken !== undefined && { "x-amz-security-token": sessionToken }),
  };
  const signed = inLowerCase(headers);
  const canonical = canonicalRequest({ ...request, query: request.query ?? [], headers: signed });
  const signature = sign(context, stringToSign(context, ALGORITHM, [sha256Hex(canonical)]));
  const credential = `${accessKeyId}/${scopeText(context.scope)}`;
  const authorization = `${ALGORITHM} Credential=${credential}, SignedHeaders=${namesOf(signed)}, Signature=${signature}`;
  return { headers: { ...headers, authorization }, signature };
}

export interface PresignOptions extends Omit<Signer, "sessionToken"> {
  readonly method: "GET" | "HEAD" | "PUT" | "DELETE";
  /** `http://host:port`, as the one who uses the URL reaches the server. */
  readonly origin: string;
  readonly bucket: string;
  readonly key: string;
  readonly expiresInSeconds: number;
  /** Headers that the user of the URL must send just so. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Parameters of the operation, such as `response-content-disposition`. */
  readonly query?: Readonly<Record<string, string>>;
}

/**
 * A URL that carries its own permission.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
export function presign(options: PresignOptions): string {
  const { method, bucket, key, accessKeyId, region = DEFAULT_REGION } = options;
  const timestamp = timestampOf(options.nowMs);
  const scope = { date: timestamp.slice(0, 8), region };
  const origin = new URL(options.origin);
  const headers = inLowerCase({ ...options.headers, host: origin.host });
  const path = `/${bucket}/${key}`;
  const query = Object.entries({
    ...options.query,
    "X-Amz-Algorithm": ALGORITHM,
    "X-Amz-Credential": `${accessKeyId}/${scopeText(scope)}`,
    "X-Amz-Date": timestamp,
    "X-Amz-Expires": String(Math.min(options.expiresInSeconds, MAX_EXPIRES_SECONDS)),
    "X-Amz-SignedHeaders": namesOf(headers),
  });
  const canonical = canonicalRequest({ method, path, query, headers, payloadHash: UNSIGNED_PAYLOAD });
  const context = signingContext(options.secretAccessKey, scope, timestamp);
  keepKey(context);
  const signature = sign(context, stringToSign(context, ALGORITHM, [sha256Hex(canonical)]));
  return `${origin.origin}${encodeUriPath(path)}?${canonicalQuery(query)}&X-Amz-Signature=${signature}`;
}

function inLowerCase(headers: Readonly<Record<string, string>>): CanonicalParts["headers"] {
  return Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
}

function namesOf(headers: CanonicalParts["headers"]): string {
  return headers
    .map(([name]) => name)
    .sort()
    .join(";");
}
