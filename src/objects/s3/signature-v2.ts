/**
 * URLs signed by version 2, which boto3, s3fs and `aws s3 presign` still make by default: the access key, the time at
 * which the URL expires and an HMAC-SHA1 are parameters of the query. Signatures of version 2 in the Authorization
 * header, which no current client makes, are refused.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
 */
import { createHmac } from "node:crypto";
import { sameSignature, UNSIGNED_PAYLOAD } from "../../lib/sigv4.ts";
import { RESPONSE_OVERRIDES } from "./attributes.ts";
import type { Authenticated } from "./authenticate.ts";
import { S3Error } from "./s3-error.ts";
import { decode, withQueryHeaders, type S3Request } from "./s3-request.ts";
import { signatureDoesNotMatch } from "./signature-error.ts";

export const ACCESS_KEY_PARAMETER = "AWSAccessKeyId";
/** The parameters of the signature itself. */
export const VERSION_2_PARAMETERS = [ACCESS_KEY_PARAMETER, "Signature", "Expires"];

/** Parameters that the signature covers, because they change what a request does. */
const SUBRESOURCES = new Set([
  "accelerate",
  "acl",
  "analytics",
  "cors",
  "defaultObjectAcl",
  "delete",
  "inventory",
  "lifecycle",
  "location",
  "logging",
  "metrics",
  "notification",
  "object-lock",
  "partNumber",
  "policy",
  "replication",
  "requestPayment",
  "restore",
  "select",
  "select-type",
  "storageClass",
  "tagging",
  "torrent",
  "uploadId",
  "uploads",
  "versionId",
  "versioning",
  "versions",
  "website",
  ...Object.keys(RESPONSE_OVERRIDES),
]);

export interface ClaimOfUrl {
  readonly accessKeyId: string;
  readonly signature: string;
  /** Seconds since the epoch, as the URL has it. */
  readonly expires: string;
}

/** Throws AccessDenied for a URL that has expired or lacks one of the parameters. */
export function readClaimOfUrl(request: S3Request, now: number): ClaimOfUrl {
  const [accessKeyId, signature, expires] = VERSION_2_PARAMETERS.map((name) => request.parameter(name));
  if (accessKeyId === undefined || signature === undefined || expires === undefined) {
    throw new S3Error(
      "AccessDenied",
      `Query-string authentication requires the parameters ${VERSION_2_PARAMETERS.join(", ")}.`,
    );
  }
  if (!/^\d{1,12}$/.test(expires)) {
    throw new S3Error("AccessDenied", `Invalid date (should be seconds since epoch): ${expires}`);
  }
  const expiresAt = Number(expires) * 1000;
  if (now > expiresAt) {
    throw new S3Error("AccessDenied", "Request has expired", {
      Expires: new Date(expiresAt).toISOString(),
      ServerTime: new Date(now).toISOString(),
    });
  }
  return { accessKeyId, signature, expires };
}

/** Throws SignatureDoesNotMatch. */
export function verifyVersion2(
  request: S3Request,
  { accessKeyId, signature, expires }: ClaimOfUrl,
  secretAccessKey: string,
): Omit<Authenticated, "principal"> {
  const texts = pathsOf(request).map((path) => stringToSign(withQueryHeaders(request), expires, path));
  const isSigned = texts.some((text) =>
    sameSignature(createHmac("sha1", secretAccessKey).update(text).digest("base64"), signature),
  );
  if (!isSigned) throw signatureDoesNotMatch({ AWSAccessKeyId: accessKeyId, StringToSign: texts[0] ?? "" });
  // The one who signed the URL did not know the body, unless a header that is signed says so.
  const payloadHash = request.header("x-amz-content-sha256") ?? UNSIGNED_PAYLOAD;
  return { signature, signing: undefined, payloadHash };
}

/** Every x-amz- header is signed, also one that the URL does not mention: nobody can add one. */
function stringToSign(request: S3Request, expires: string, path: string): string {
  const amzHeaders = Object.keys(request.headers)
    .filter((name) => name.startsWith("x-amz-"))
    .sort()
    .map((name) => `${name}:${(request.header(name) ?? "").trim()}`);
  return [
    request.method,
    (request.header("content-md5") ?? "").trim(),
    (request.header("content-type") ?? "").trim(),
    expires,
    ...amzHeaders,
    canonicalResource(path, request.incoming.url ?? "/"),
  ].join("\n");
}

/** Clients sign the path of a bucket with a slash at its end and send none. */
function pathsOf({ resource, key }: S3Request): readonly string[] {
  return key === "" && !resource.endsWith("/") ? [resource, `${resource}/`] : [resource];
}

/** The values of parameters are decoded. */
function canonicalResource(path: string, url: string): string {
  const signed = (url.split(/\?(.*)/s, 2)[1] ?? "")
    .split("&")
    .map((pair) => pair.split(/=(.*)/s, 2))
    .filter(([name = ""]) => SUBRESOURCES.has(name))
    .map(([name = "", value]) => ({ name, text: value === undefined ? name : `${name}=${decode(value)}` }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return signed.length === 0 ? path : `${path}?${signed.map(({ text }) => text).join("&")}`;
}
