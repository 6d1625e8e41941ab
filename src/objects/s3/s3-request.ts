/** A request as S3 reads it. The URL is parsed by hand: a URL parser would resolve `..` in keys. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { MAX_KEY_BYTES } from "../directory/key-path.ts";
import { S3Error } from "./s3-error.ts";

export interface S3Request {
  readonly method: string;
  /** Decoded, with its leading slash. */
  readonly path: string;
  /** The path as it is in the URL, escapes and all, and the bucket before it where that is in the host's name. */
  readonly resource: string;
  readonly bucket: string;
  /** Empty for a request to the bucket. */
  readonly key: string;
  /** Decoded, in the order of the URL. */
  readonly query: readonly (readonly [name: string, value: string])[];
  /** The first value of a parameter. */
  parameter(name: string): string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** Several values of one header are joined by commas. */
  header(name: string): string | undefined;
  readonly incoming: IncomingMessage;
}

/** `hosted`: the bucket that there is. Throws InvalidURI, InvalidArgument, KeyTooLongError. */
export function parseRequest(incoming: IncomingMessage, hosted: string): S3Request {
  const { method = "GET", url = "/", headers } = incoming;
  const [raw = "", search = ""] = url.split(/\?(.*)/s, 2);
  const prefix = isInHost(headers, raw, hosted) ? `/${hosted}` : "";
  const resource = prefix + raw;
  const [, bucket = "", key = ""] = decode(resource).split(/^\/([^/]*)\/?/s);
  checkKeyOfUrl(key);
  const query = parseQuery(search);
  return requestOf({ method, path: decode(raw), resource, bucket, key, query, headers, incoming });
}

/**
 * Whether the bucket is in the name of the host and not in the path, as clients write it that know the server as
 * `localhost`. Under another name the server itself may be called like the bucket.
 */
function isInHost(headers: IncomingHttpHeaders, path: string, bucket: string): boolean {
  const host = String(headers[":authority"] ?? headers.host ?? "").replace(/:\d+$/, "");
  return host === `${bucket}.localhost` && path !== `/${bucket}` && !path.startsWith(`/${bucket}/`);
}

/** Parameters other than `x-amz-…` that stand for a header. */
const QUERY_HEADERS = ["content-md5", "content-type"];

/**
 * The same request with the headers that its URL has as parameters: who signs a URL writes them there for those who use
 * it. A header that is sent counts more.
 */
export function withQueryHeaders(request: S3Request): S3Request {
  const isHeader = (name: string): boolean => name.startsWith("x-amz-") || QUERY_HEADERS.includes(name);
  const moved = request.query.filter(([name]) => isHeader(name));
  if (moved.length === 0) return request;
  return requestOf({
    ...request,
    query: request.query.filter(([name]) => !isHeader(name)),
    headers: { ...Object.fromEntries(moved), ...request.headers },
  });
}

function requestOf(parts: Omit<S3Request, "parameter" | "header">): S3Request {
  const { query, headers } = parts;
  return {
    ...parts,
    parameter: (name) => query.find(([candidate]) => candidate === name)?.[1],
    header: (name) => {
      // HTTP/2 has no Host header.
      const value = name === "host" ? (headers.host ?? headers[":authority"]) : headers[name];
      return Array.isArray(value) ? value.join(",") : value;
    },
  };
}

export function checkKeyOfUrl(key: string): void {
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new S3Error("KeyTooLongError", `The key is longer than ${MAX_KEY_BYTES} bytes.`);
  }
  if (key.includes("\0")) throw new S3Error("InvalidArgument", "A key cannot have a NUL.");
}

/** Percent-escapes only; throws InvalidURI. */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error(
      "InvalidURI",
      `${JSON.stringify(text.slice(0, 200))} is not valid percent-encoding of UTF-8.`,
    );
  }
}

/** Names and values in their order; throws InvalidURI. */
export function parseQuery(text: string): [string, string][] {
  return text
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const equals = pair.indexOf("=");
      const [name, value] = equals === -1 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
      return [decode(name.replaceAll("+", " ")), decode(value.replaceAll("+", " "))];
    });
}
