/** The headers that an object keeps, and those that would change what a request means. */
import type { ObjectAttributes, StoredObject } from "../hosted-store.ts";
import { pickAttributes } from "../object-attributes.ts";
import { checksumHeader } from "./checksums.ts";
import { encryptionHeadersOf, encryptionOf } from "./encryption-header.ts";
import { httpDate, type ResponseHeaders } from "./respond.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";
import { tagsOf } from "./tagging.ts";

const KEPT_HEADERS = [
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "expires",
];
const METADATA_PREFIX = "x-amz-meta-";
/** As S3. */
const MAX_METADATA_BYTES = 2048;
/** What S3 says for an object that was stored without one. */
const DEFAULT_CONTENT_TYPE = "binary/octet-stream";

/** Parameters of a GET that replace a header of the answer. */
export const RESPONSE_OVERRIDES: Readonly<Record<string, string>> = {
  "response-cache-control": "cache-control",
  "response-content-disposition": "content-disposition",
  "response-content-encoding": "content-encoding",
  "response-content-language": "content-language",
  "response-content-type": "content-type",
  "response-expires": "expires",
};

export function attributesOf(request: S3Request): ObjectAttributes {
  const contentType = request.header("content-type");
  const headers: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const value = name === "content-encoding" ? contentEncodingOf(request) : request.header(name);
    if (value !== undefined) headers[name] = value;
  }
  const metadata: Record<string, string> = {};
  for (const name of Object.keys(request.headers)) {
    if (name.startsWith(METADATA_PREFIX))
      metadata[name.slice(METADATA_PREFIX.length)] = request.header(name) ?? "";
  }
  const bytes = Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (bytes > MAX_METADATA_BYTES) {
    throw new S3Error("MetadataTooLarge", `The user metadata is larger than ${MAX_METADATA_BYTES} bytes.`);
  }
  return pickAttributes({
    contentType,
    headers: unlessEmpty(headers),
    metadata: unlessEmpty(metadata),
    tags: tagsOf(request),
    encryption: encryptionOf(request),
  });
}

function unlessEmpty(values: Readonly<Record<string, string>>): typeof values | undefined {
  return Object.keys(values).length === 0 ? undefined : values;
}

export function headersOf(object: StoredObject): ResponseHeaders {
  const metadata = Object.entries(object.metadata ?? {}).map(([name, value]) => [
    METADATA_PREFIX + name,
    value,
  ]);
  return {
    ...object.headers,
    ...Object.fromEntries(metadata),
    "content-type": object.contentType ?? DEFAULT_CONTENT_TYPE,
    "x-amz-tagging-count": object.tags && Object.keys(object.tags).length,
    "accept-ranges": "bytes",
    etag: object.etag,
    ...encryptionHeadersOf(object),
    "last-modified": httpDate(object.modifiedAt),
  };
}

export function checksumHeadersOf(object: Pick<StoredObject, "checksum">): ResponseHeaders {
  const { checksum } = object;
  if (checksum === undefined) return {};
  return { [checksumHeader(checksum.algorithm)]: checksum.value, "x-amz-checksum-type": checksum.type };
}

/** `aws-chunked` says how the body travels; it is not part of the object. */
function contentEncodingOf(request: S3Request): string | undefined {
  const encodings = (request.header("content-encoding") ?? "")
    .split(",")
    .map((encoding) => encoding.trim())
    .filter((encoding) => encoding !== "" && encoding !== "aws-chunked");
  return encodings.length === 0 ? undefined : encodings.join(",");
}

/** Headers that need no action, or that an operation reads by name. */
const KNOWN_HEADERS = new Set([
  "x-amz-checksum-algorithm",
  "x-amz-checksum-crc32",
  "x-amz-checksum-crc32c",
  "x-amz-checksum-crc64nvme",
  "x-amz-checksum-mode",
  "x-amz-checksum-sha1",
  "x-amz-checksum-sha256",
  "x-amz-checksum-type",
  "x-amz-content-sha256",
  "x-amz-copy-source",
  "x-amz-copy-source-if-match",
  "x-amz-copy-source-if-modified-since",
  "x-amz-copy-source-if-none-match",
  "x-amz-copy-source-if-unmodified-since",
  "x-amz-copy-source-range",
  "x-amz-date",
  "x-amz-expected-bucket-owner",
  "x-amz-decoded-content-length",
  "x-amz-metadata-directive",
  "x-amz-mp-object-size",
  "x-amz-sdk-checksum-algorithm",
  "x-amz-security-token",
  "x-amz-source-expected-bucket-owner",
  "x-amz-trailer",
  "x-amz-user-agent",
]);

/** Values that ask for what the store does in any case. */
const ONLY_VALUES: Readonly<Record<string, readonly string[]>> = {
  "x-amz-acl": ["private", "bucket-owner-full-control"],
  "x-amz-request-payer": ["requester"],
  "x-amz-server-side-encryption-bucket-key-enabled": ["false"],
  "x-amz-storage-class": ["STANDARD"],
};

/**
 * A header that asks for something else is refused, not dropped. `taken`: those that the operation acts on, besides.
 * Throws NotImplemented.
 */
export function refuseUnknownHeaders(request: S3Request, taken: readonly string[] = []): void {
  for (const name of Object.keys(request.headers)) {
    if (!name.startsWith("x-amz-") || name.startsWith(METADATA_PREFIX)) continue;
    if (KNOWN_HEADERS.has(name) || taken.includes(name)) continue;
    const value = request.header(name) ?? "";
    if (ONLY_VALUES[name]?.includes(value) === true) continue;
    throw new S3Error("NotImplemented", `The header ${name}: ${value} is not implemented.`, { Header: name });
  }
}
