/** ListObjectsV2 and its first version. */
import type { ListPosition, Listing, StoredObject } from "../hosted-store.ts";
import { authorize, type Call } from "./call.ts";
import { sendXml, xmlDate } from "./respond.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";
import { encodeUriPath } from "../../lib/sigv4.ts";
import { document, element, text } from "./xml.ts";

const MAX_KEYS = 1000;
/** Of the bucket and of every object. */
export const OWNER_ID = "boxkite";
export const OWNER = element("Owner", text("ID", OWNER_ID), text("DisplayName", OWNER_ID));

export async function listObjectsV2(call: Call): Promise<void> {
  const { request, response } = call;
  const token = request.parameter("continuation-token");
  const startAfter = request.parameter("start-after");
  const after = token === undefined ? startOf(startAfter) : parseToken(token);
  const { listing, name } = await readListing(call, after);
  const withOwner = request.parameter("fetch-owner") === "true";
  sendXml(
    response,
    document(
      "ListBucketResult",
      ...commonElements(call, listing, name),
      text("KeyCount", listing.objects.length + listing.commonPrefixes.length),
      text("StartAfter", startAfter === undefined ? undefined : name(startAfter)),
      text("ContinuationToken", token),
      text("NextContinuationToken", listing.next && formatToken(listing.next)),
      ...listing.objects.map((object) => contents(object, name, withOwner)),
      ...prefixElements(listing, name),
    ),
  );
}

export async function listObjectsV1(call: Call): Promise<void> {
  const { request, response } = call;
  const marker = request.parameter("marker") ?? "";
  const { listing, name } = await readListing(call, startOf(marker));
  sendXml(
    response,
    document(
      "ListBucketResult",
      ...commonElements(call, listing, name),
      text("Marker", name(marker)),
      text("NextMarker", listing.next && name(listing.next.key)),
      ...listing.objects.map((object) => contents(object, name, true)),
      ...prefixElements(listing, name),
    ),
  );
}

/** How a key is written in the answer: `encoding-type=url` is for keys that XML cannot hold. */
export function namer(request: S3Request): (key: string) => string {
  const encoding = request.parameter("encoding-type");
  if (encoding === undefined || encoding === "") return (key) => key;
  if (encoding === "url") return encodeUriPath;
  throw new S3Error("InvalidArgument", "Invalid Encoding Method specified in Request", {
    ArgumentName: "encoding-type",
    ArgumentValue: encoding,
  });
}

/** A number from 0; more than 1000 counts as 1000. Throws InvalidArgument. */
export function maxOf(request: S3Request, parameter: string): number {
  const value = request.parameter(parameter);
  if (value === undefined || value === "") return MAX_KEYS;
  if (!/^\d{1,10}$/.test(value)) {
    throw new S3Error("InvalidArgument", `${parameter} is not a number.`, {
      ArgumentName: parameter,
      ArgumentValue: value,
    });
  }
  return Math.min(Number(value), MAX_KEYS);
}

async function readListing(
  call: Call,
  after: ListPosition | undefined,
): Promise<{ listing: Listing; name: Namer }> {
  const { request, store } = call;
  const prefix = request.parameter("prefix") ?? "";
  const delimiter = request.parameter("delimiter");
  const name = namer(request);
  const limit = maxOf(request, "max-keys");
  await authorize(call, "list", prefix);
  const listing = await store.listing({
    prefix,
    limit,
    ...(after === undefined ? {} : { after }),
    ...(delimiter === undefined ? {} : { delimiter }),
  });
  return { listing, name };
}

type Namer = (key: string) => string;

function commonElements({ request, bucket }: Call, listing: Listing, name: Namer): string[] {
  const delimiter = request.parameter("delimiter");
  return [
    text("Name", bucket),
    text("Prefix", name(request.parameter("prefix") ?? "")),
    text("Delimiter", delimiter === undefined || delimiter === "" ? undefined : name(delimiter)),
    text("MaxKeys", maxOf(request, "max-keys")),
    text("EncodingType", request.parameter("encoding-type")),
    text("IsTruncated", listing.next !== undefined),
  ];
}

function contents(object: StoredObject, name: Namer, withOwner: boolean): string {
  const { checksum } = object;
  return element(
    "Contents",
    text("Key", name(object.key)),
    text("LastModified", xmlDate(object.modifiedAt)),
    text("ETag", object.etag),
    text("ChecksumAlgorithm", checksum?.algorithm),
    text("ChecksumType", checksum?.type),
    text("Size", object.size),
    withOwner ? OWNER : "",
    text("StorageClass", "STANDARD"),
  );
}

function prefixElements(listing: Listing, name: Namer): string[] {
  return listing.commonPrefixes.map((prefix) => element("CommonPrefixes", text("Prefix", name(prefix))));
}

function startOf(key: string | undefined): ListPosition | undefined {
  return key === undefined || key === "" ? undefined : { key, wholePrefix: false };
}

/** Opaque to the client. */
function formatToken({ key, wholePrefix }: ListPosition): string {
  return Buffer.from(`${wholePrefix ? "p" : "k"}${key}`).toString("base64url");
}

function parseToken(token: string): ListPosition {
  const position = Buffer.from(token, "base64url").toString();
  const key = position.slice(1);
  if (key !== "" && position.startsWith("k")) return { key, wholePrefix: false };
  if (key !== "" && position.startsWith("p")) return { key, wholePrefix: true };
  throw new S3Error("InvalidArgument", "The continuation token provided is incorrect", {
    ArgumentName: "continuation-token",
  });
}
