/** There is one bucket, and it is always there. */
import { authorize, type Call } from "./call.ts";
import { maxOf, OWNER, OWNER_ID } from "./list-objects.ts";
import { sendEmpty, sendXml, xmlDate } from "./respond.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";
import { document, element, text } from "./xml.ts";

const OWNER_HEADERS = ["x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"];

/**
 * Throws NoSuchBucket for a request to another one, NotImplemented for one that is to make it, and AccessDenied for one
 * that expects another owner.
 */
export function checkBucket(request: S3Request, bucket: string): void {
  for (const name of OWNER_HEADERS) {
    const expected = request.header(name);
    if (expected === undefined || expected === OWNER_ID) continue;
    throw new S3Error("AccessDenied", `The owner of the bucket is ${OWNER_ID}, not ${expected} (${name}).`);
  }
  if (request.bucket === "" || request.bucket === bucket) return;
  if (request.method === "PUT" && request.key === "" && request.query.length === 0) {
    throw new S3Error(
      "NotImplemented",
      `CreateBucket is not implemented; the bucket ${bucket} is there already.`,
    );
  }
  throw new S3Error(
    "NoSuchBucket",
    `The specified bucket does not exist; the only one is ${bucket}, as the first part of the path.`,
    { BucketName: request.bucket },
  );
}

/** Every key that still opens something is a key to this bucket: it may know its name. */
export async function listBuckets(call: Call): Promise<void> {
  const { request, response, bucket, region, store } = call;
  await authorize(call, "know", "");
  const wantedRegion = request.parameter("bucket-region") ?? region;
  const prefix = request.parameter("prefix");
  const limit = maxOf(request, "max-buckets");
  if (request.parameter("continuation-token") !== undefined) {
    throw new S3Error("InvalidArgument", "The continuation token provided is incorrect", {
      ArgumentName: "continuation-token",
    });
  }
  const isListed = bucket.startsWith(prefix ?? "") && wantedRegion === region && limit > 0;
  const listed = element(
    "Bucket",
    text("Name", bucket),
    text("CreationDate", xmlDate(await store.createdAt())),
    text("BucketRegion", region),
  );
  sendXml(
    response,
    document(
      "ListAllMyBucketsResult",
      OWNER,
      element("Buckets", isListed ? listed : ""),
      text("Prefix", prefix),
    ),
  );
}

export async function headBucket(call: Call): Promise<void> {
  await authorize(call, "know", "");
  sendEmpty(call.response, 200, { "x-amz-bucket-region": call.region });
}

export async function getBucketLocation(call: Call): Promise<void> {
  const { response, region } = call;
  await authorize(call, "know", "");
  // The first region has no name here.
  sendXml(response, document("LocationConstraint", region === "us-east-1" ? "" : region));
}

export async function createBucket(call: Call): Promise<void> {
  const { bucket } = call;
  await authorize(call, "know", "");
  throw new S3Error("BucketAlreadyOwnedByYou", `The bucket ${bucket} is there already; it is the only one.`, {
    BucketName: bucket,
  });
}
