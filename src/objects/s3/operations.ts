/** Which operation a request asks for, by its method, its key and its parameters. */
import { RESPONSE_OVERRIDES } from "./attributes.ts";
import { createBucket, getBucketLocation, headBucket, listBuckets } from "./buckets.ts";
import type { Call } from "./call.ts";
import { completeMultipartUpload } from "./complete-upload.ts";
import { copyObject, uploadPartCopy } from "./copy-object.ts";
import { deleteObject, deleteObjects } from "./delete-objects.ts";
import { getObject, headObject } from "./get-object.ts";
import { getObjectTagging } from "./get-object-tagging.ts";
import { listObjectsV1, listObjectsV2 } from "./list-objects.ts";
import {
  abortMultipartUpload,
  createMultipartUpload,
  listMultipartUploads,
  uploadPart,
} from "./multipart.ts";
import { putObject, WRITE_ONCE_PARAMETER } from "./put-object.ts";
import { ENCRYPTION_HEADER } from "./encryption-header.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";
import { notImplementedName, type Target } from "./operation-names.ts";
import { TAGGING_HEADER } from "./tagging.ts";
import { VERSION_2_PARAMETERS } from "./signature-v2.ts";

export interface Operation {
  readonly name: string;
  readonly method: string;
  readonly target: Target;
  /** Parameters that make a request this operation. */
  readonly needs?: readonly string[];
  readonly needsHeader?: string;
  /** Parameters that it understands besides. */
  readonly takes?: readonly string[];
  /** Headers that only some operations act on. */
  readonly headers?: readonly string[];
  readonly run: (call: Call) => Promise<void>;
}

/** What an object that is made may be given. */
const ATTRIBUTES = [TAGGING_HEADER, ENCRYPTION_HEADER];
const LISTING = ["prefix", "delimiter", "encoding-type", "max-keys"];

/** The first that fits is taken. */
export const OPERATIONS: readonly Operation[] = [
  {
    name: "ListBuckets",
    method: "GET",
    target: "service",
    takes: ["bucket-region", "continuation-token", "max-buckets", "prefix"],
    run: listBuckets,
  },
  { name: "HeadBucket", method: "HEAD", target: "bucket", run: headBucket },
  { name: "GetBucketLocation", method: "GET", target: "bucket", needs: ["location"], run: getBucketLocation },
  {
    name: "ListMultipartUploads",
    method: "GET",
    target: "bucket",
    needs: ["uploads"],
    takes: ["prefix", "encoding-type", "max-uploads", "key-marker", "upload-id-marker"],
    run: listMultipartUploads,
  },
  {
    name: "ListObjectsV2",
    method: "GET",
    target: "bucket",
    needs: ["list-type"],
    takes: [...LISTING, "continuation-token", "start-after", "fetch-owner"],
    run: listObjectsV2,
  },
  { name: "ListObjects", method: "GET", target: "bucket", takes: [...LISTING, "marker"], run: listObjectsV1 },
  { name: "CreateBucket", method: "PUT", target: "bucket", run: createBucket },
  { name: "DeleteObjects", method: "POST", target: "bucket", needs: ["delete"], run: deleteObjects },
  {
    name: "GetObjectTagging",
    method: "GET",
    target: "object",
    needs: ["tagging"],
    run: getObjectTagging,
  },
  {
    name: "GetObject",
    method: "GET",
    target: "object",
    takes: Object.keys(RESPONSE_OVERRIDES),
    run: getObject,
  },
  {
    name: "HeadObject",
    method: "HEAD",
    target: "object",
    takes: Object.keys(RESPONSE_OVERRIDES),
    run: headObject,
  },
  {
    name: "UploadPartCopy",
    method: "PUT",
    target: "object",
    needs: ["partNumber", "uploadId"],
    needsHeader: "x-amz-copy-source",
    run: uploadPartCopy,
  },
  { name: "UploadPart", method: "PUT", target: "object", needs: ["partNumber", "uploadId"], run: uploadPart },
  {
    name: "CopyObject",
    method: "PUT",
    target: "object",
    needsHeader: "x-amz-copy-source",
    headers: [...ATTRIBUTES, "x-amz-tagging-directive"],
    run: copyObject,
  },
  {
    name: "PutObject",
    method: "PUT",
    target: "object",
    takes: [WRITE_ONCE_PARAMETER],
    headers: ATTRIBUTES,
    run: putObject,
  },
  {
    name: "CreateMultipartUpload",
    method: "POST",
    target: "object",
    needs: ["uploads"],
    headers: ATTRIBUTES,
    run: createMultipartUpload,
  },
  {
    name: "CompleteMultipartUpload",
    method: "POST",
    target: "object",
    needs: ["uploadId"],
    run: completeMultipartUpload,
  },
  {
    name: "AbortMultipartUpload",
    method: "DELETE",
    target: "object",
    needs: ["uploadId"],
    run: abortMultipartUpload,
  },
  { name: "DeleteObject", method: "DELETE", target: "object", run: deleteObject },
];

/** Throws NotImplemented, with the name of what was asked for. */
export function operationOf(request: S3Request): Operation {
  const target = targetOf(request);
  const has = (name: string): boolean => request.parameter(name) !== undefined;
  const operation = OPERATIONS.find(
    (candidate) =>
      candidate.method === request.method &&
      candidate.target === target &&
      (candidate.needs ?? []).every(has) &&
      (candidate.needsHeader === undefined || request.header(candidate.needsHeader) !== undefined),
  );
  const known = new Set([...(operation?.needs ?? []), ...(operation?.takes ?? [])]);
  const unknown = request.query
    .map(([name]) => name)
    .filter((name) => !known.has(name) && !isForEveryone(name));
  if (operation !== undefined && unknown.length === 0) return operation;
  const name = notImplementedName({ method: request.method, target, operation: operation?.name, unknown });
  throw new S3Error("NotImplemented", `${name} is not implemented.`);
}

function targetOf({ bucket, key }: S3Request): Target {
  if (bucket === "") return "service";
  return key === "" ? "bucket" : "object";
}

/** The signature's own parameters, and the name of the operation that some clients add for their logs. */
function isForEveryone(parameter: string): boolean {
  return parameter === "x-id" || parameter.startsWith("X-Amz-") || VERSION_2_PARAMETERS.includes(parameter);
}
