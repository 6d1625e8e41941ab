/** AWS Signature Version 4, for S3 requests with headers. */
import { createHash, createHmac } from "node:crypto";
import type { S3Settings } from "./s3-settings.ts";

export interface SignableRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Hex SHA-256 of the body, or UNSIGNED-PAYLOAD for a stream. */
  readonly payloadHash: string;
}

export const UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD";

export function sha256Hex(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}

/** All headers to send: the given ones, and those of the signature. `now` makes the date. */
export function signRequest(
  request: SignableRequest,
  settings: S3Settings,
  now: Date,
): Record<string, string> {
  const timestamp = now.toISOString().replaceAll(/[-:]|\.\d{3}/g, "");
  const date = timestamp.slice(0, 8);
  const headers: Record<string, string> = {
    ...request.headers,
    host: request.url.host,
    "x-amz-content-sha256": request.payloadHash,
    "x-amz-date": timestamp,
    ...(settings.sessionToken === undefined ? {} : { "x-amz-security-token": settings.sessionToken }),
  };
  const names = Object.keys(headers)
    .map((name) => name.toLowerCase())
    .sort();
  const byName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const canonical = [
    request.method,
    canonicalPath(request.url.pathname),
    canonicalQuery(request.url.searchParams),
    ...names.map((name) => `${name}:${(byName.get(name) ?? "").trim().replaceAll(/\s+/g, " ")}`),
    "",
    names.join(";"),
    request.payloadHash,
  ].join("\n");
  const scope = `${date}/${settings.region}/s3/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", timestamp, scope, sha256Hex(canonical)].join("\n");
  const hmac = (key: Uint8Array | string, data: string): Buffer =>
    createHmac("sha256", key).update(data).digest();
  const key = [date, settings.region, "s3", "aws4_request"].reduce<Uint8Array | string>(
    hmac,
    `AWS4${settings.secretAccessKey}`,
  );
  const signature = hmac(key, toSign).toString("hex");
  headers["authorization"] =
    `AWS4-HMAC-SHA256 Credential=${settings.accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  return headers;
}

/** Percent-encoding as S3 wants it: everything but letters, digits, and `-_.~`. */
export function encodeS3(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function canonicalPath(path: string): string {
  return path
    .split("/")
    .map((part) => encodeS3(decodeURIComponent(part)))
    .join("/");
}

function canonicalQuery(parameters: URLSearchParams): string {
  return [...parameters]
    .map(([name, value]) => `${encodeS3(name)}=${encodeS3(value)}`)
    .sort()
    .join("&");
}
