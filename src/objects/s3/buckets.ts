/** There is one bucket, and it is always there. */
import type { Call } from "./call.ts";
import { sendEmpty, sendXml } from "./respond.ts";
import { S3Error } from "./s3-error.ts";
import { document } from "./xml.ts";

export async function headBucket({ response, region }: Call): Promise<void> {
  sendEmpty(response, 200, { "x-amz-bucket-region": region });
}

export async function getBucketLocation({ response, region }: Call): Promise<void> {
  // The first region has no name here.
  sendXml(response, document("LocationConstraint", region === "us-east-1" ? "" : region));
}

export async function createBucket({ bucket }: Call): Promise<void> {
  throw new S3Error("BucketAlreadyOwnedByYou", `The bucket ${bucket} is there already; it is the only one.`, {
    BucketName: bucket,
  });
}
