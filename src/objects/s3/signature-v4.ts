/**
 * Signature Version 4, in the Authorization header or in the query.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 */
import { MAX_EXPIRES_SECONDS } from "../../lib/sigv4-signer.ts";
import type { Authenticated } from "./authenticate.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";
import { signatureDoesNotMatch } from "./signature-error.ts";
import {
  ALGORITHM,
  canonicalRequest,
  keepKey,
  parseTimestamp,
  sameSignature,
  sha256Hex,
  sign,
  signingContext,
  stringToSign,
  timestampOf,
  UNSIGNED_PAYLOAD,
  type Scope,
} from "../../lib/sigv4.ts";

/** As S3. */
const MAX_SKEW_MS = 15 * 60 * 1000;

export interface Claim {
  readonly accessKeyId: string;
  readonly scope: Scope;
  readonly timestamp: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly payloadHash: string;
  /** When it was signed, of a URL only. In ms since the epoch. */
  readonly urlSignedAt?: number;
}

/** Throws SignatureDoesNotMatch. */
export function verifyVersion4(
  request: S3Request,
  claim: Claim,
  secretAccessKey: string,
): Omit<Authenticated, "principal"> {
  const signing = signingContext(secretAccessKey, claim.scope, claim.timestamp);
  const canonical = canonicalRequest({
    method: request.method,
    path: request.path,
    query: request.query.filter(([name]) => name !== "X-Amz-Signature"),
    headers: claim.signedHeaders.map((name) => [name, request.header(name) ?? ""]),
    payloadHash: claim.payloadHash,
  });
  const text = stringToSign(signing, ALGORITHM, [sha256Hex(canonical)]);
  if (!sameSignature(sign(signing, text), claim.signature)) {
    throw signatureDoesNotMatch({
      AWSAccessKeyId: claim.accessKeyId,
      StringToSign: text,
      CanonicalRequest: canonical,
    });
  }
  keepKey(signing);
  return { signing, signature: claim.signature, payloadHash: claim.payloadHash };
}

/**
 * What the request says about its signature, which is not verified yet. Throws for one that is malformed, late, or
 * for another region than `region`.
 */
export function readClaim(request: S3Request, now: number, region: string | undefined): Claim {
  const claim = claimOf(request, now);
  checkRegion(claim.scope, region);
  checkSignedHeaders(request, claim.signedHeaders);
  return claim;
}

function claimOf(request: S3Request, now: number): Claim {
  const authorization = request.header("authorization");
  const algorithm = request.parameter("X-Amz-Algorithm");
  if (authorization !== undefined && algorithm !== undefined) {
    throw new S3Error("InvalidArgument", "A request is signed in its header or in its URL, not in both.");
  }
  if (authorization !== undefined) return claimOfHeader(request, authorization, now);
  if (algorithm !== undefined) return claimOfQuery(request, algorithm, now);
  throw new S3Error("AccessDenied", "The request is not signed, and nothing here is public.");
}

function claimOfHeader(request: S3Request, authorization: string, now: number): Claim {
  const [algorithm, rest = ""] = authorization.split(/\s+(.*)/s, 2);
  if (algorithm !== ALGORITHM) throw unsupportedMechanism();
  const fields = new Map(
    rest.split(",").map((field): [string, string] => {
      const [name = "", value = ""] = field.trim().split(/=(.*)/s, 2);
      return [name, value];
    }),
  );
  const { accessKeyId, scope } = parseCredential(fields.get("Credential"), "AuthorizationHeaderMalformed");
  const signedHeaders = fields.get("SignedHeaders");
  const signature = fields.get("Signature");
  if (signedHeaders === undefined || signature === undefined) {
    throw new S3Error(
      "AuthorizationHeaderMalformed",
      "The Authorization header lacks SignedHeaders or Signature.",
    );
  }
  const timestamp = timestampOfHeaders(request);
  const signedAt = checkTimestamp(timestamp, scope);
  if (Math.abs(now - signedAt) > MAX_SKEW_MS) {
    throw new S3Error(
      "RequestTimeTooSkewed",
      "The clocks of client and server are more than 15 minutes apart.",
      {
        RequestTime: timestamp,
        ServerTime: new Date(now).toISOString(),
        MaxAllowedSkewMilliseconds: String(MAX_SKEW_MS),
      },
    );
  }
  const payloadHash = request.header("x-amz-content-sha256");
  if (payloadHash === undefined) {
    throw new S3Error("InvalidRequest", "Missing required header for this request: x-amz-content-sha256");
  }
  return { accessKeyId, scope, timestamp, signedHeaders: signedHeaders.split(";"), signature, payloadHash };
}

function claimOfQuery(request: S3Request, algorithm: string, now: number): Claim {
  if (algorithm !== ALGORITHM) throw unsupportedMechanism();
  const { accessKeyId, scope } = parseCredential(
    request.parameter("X-Amz-Credential"),
    "AuthorizationQueryParametersError",
  );
  const timestamp = request.parameter("X-Amz-Date");
  const expires = request.parameter("X-Amz-Expires");
  const signedHeaders = request.parameter("X-Amz-SignedHeaders");
  const signature = request.parameter("X-Amz-Signature");
  if (
    timestamp === undefined ||
    expires === undefined ||
    signedHeaders === undefined ||
    signature === undefined
  ) {
    throw new S3Error(
      "AuthorizationQueryParametersError",
      "A signed URL has X-Amz-Date, X-Amz-Expires, X-Amz-SignedHeaders and X-Amz-Signature.",
    );
  }
  const seconds = /^\d{1,7}$/.test(expires) ? Number(expires) : 0;
  if (seconds < 1 || seconds > MAX_EXPIRES_SECONDS) {
    throw new S3Error(
      "AuthorizationQueryParametersError",
      `X-Amz-Expires is from 1 to ${MAX_EXPIRES_SECONDS} seconds.`,
    );
  }
  const signedAt = checkTimestamp(timestamp, scope);
  if (signedAt - now > MAX_SKEW_MS) throw new S3Error("AccessDenied", "Request is not valid yet");
  if (now > signedAt + seconds * 1000) {
    throw new S3Error("AccessDenied", "Request has expired", {
      "X-Amz-Expires": expires,
      Expires: new Date(signedAt + seconds * 1000).toISOString(),
      ServerTime: new Date(now).toISOString(),
    });
  }
  // The one who signed the URL did not know the body, unless a signed header says so.
  const payloadHash = request.header("x-amz-content-sha256") ?? UNSIGNED_PAYLOAD;
  return {
    accessKeyId,
    scope,
    timestamp,
    signedHeaders: signedHeaders.split(";"),
    signature,
    payloadHash,
    urlSignedAt: signedAt,
  };
}

type MalformedCode = "AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError";

/** `<access key>/<date>/<region>/s3/aws4_request`, where the access key may have slashes of its own. */
function parseCredential(
  text: string | undefined,
  code: MalformedCode,
): { accessKeyId: string; scope: Scope } {
  const match = /^(.+)\/(\d{8})\/([^/]+)\/s3\/aws4_request$/.exec(text ?? "");
  const [, accessKeyId, date, region] = match ?? [];
  if (accessKeyId === undefined || date === undefined || region === undefined) {
    throw new S3Error(code, "The credential is not <access key>/<date>/<region>/s3/aws4_request.");
  }
  return { accessKeyId, scope: { date, region } };
}

function timestampOfHeaders(request: S3Request): string {
  const timestamp = request.header("x-amz-date");
  if (timestamp !== undefined) return timestamp;
  const ms = Date.parse(request.header("date") ?? "");
  if (Number.isNaN(ms))
    throw new S3Error("AccessDenied", "A signed request has an x-amz-date or a Date header.");
  return timestampOf(ms);
}

/** The time of signing in ms since the epoch. */
function checkTimestamp(timestamp: string, scope: Scope): number {
  const signedAt = parseTimestamp(timestamp);
  if (signedAt === undefined)
    throw new S3Error("AccessDenied", "The date of the signature is not YYYYMMDDThhmmssZ.");
  if (!timestamp.startsWith(scope.date)) {
    throw new S3Error(
      "SignatureDoesNotMatch",
      "The date of the credential is not the date of the signature.",
    );
  }
  return signedAt;
}

function checkRegion(scope: Scope, region: string | undefined): void {
  if (region === undefined || scope.region === region) return;
  throw new S3Error("AuthorizationHeaderMalformed", `The region is ${region}, not ${scope.region}.`, {
    Region: region,
  });
}

/** Host and every x-amz- header decide what a request does, so none of them may come from someone else. */
function checkSignedHeaders(request: S3Request, signed: readonly string[]): void {
  const needed = ["host", ...Object.keys(request.headers).filter((name) => name.startsWith("x-amz-"))];
  const unsigned = needed.filter((name) => !signed.includes(name));
  if (unsigned.length === 0) return;
  throw new S3Error("AccessDenied", "There were headers present in the request which were not signed", {
    HeadersNotSigned: unsigned.join(", "),
  });
}

function unsupportedMechanism(): S3Error {
  return new S3Error(
    "InvalidRequest",
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
  );
}
