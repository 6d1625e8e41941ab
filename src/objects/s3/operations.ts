/** Which operation a request asks for, by its method, its key and its parameters. */
import { ownValue } from "../../domain/own-value.ts";
import { RESPONSE_OVERRIDES } from "./attributes.ts";
import { createBucket, getBucketLocation, headBucket } from "./buckets.ts";
import type { Call } from "./call.ts";
import { completeMultipartUpload } from "./complete-upload.ts";
import { copyObject, uploadPartCopy } from "./copy-object.ts";
import { deleteObject, deleteObjects } from "./delete-objects.ts";
import { getObject, headObject } from "./get-object.ts";
import { listObjectsV1, listObjectsV2 } from "./list-objects.ts";
import {
  abortMultipartUpload,
  createMultipartUpload,
  listMultipartUploads,
  uploadPart,
} from "./multipart.ts";
import { putObject } from "./put-object.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";

interface Operation {
  readonly name: string;
  readonly method: string;
  readonly target: "service" | "bucket" | "object";
  /** Parameters that make a request this operation. */
  readonly needs?: readonly string[];
  readonly needsHeader?: string;
  /** Parameters that it understands besides. */
  readonly takes?: readonly string[];
  readonly run: (call: Call) => Promise<void>;
}

const LISTING = ["prefix", "delimiter", "encoding-type", "max-keys"];

/** The first that fits is taken. */
const OPERATIONS: readonly Operation[] = [
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
  { name: "CopyObject", method: "PUT", target: "object", needsHeader: "x-amz-copy-source", run: copyObject },
  { name: "PutObject", method: "PUT", target: "object", run: putObject },
  {
    name: "CreateMultipartUpload",
    method: "POST",
    target: "object",
    needs: ["uploads"],
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
  throw new S3Error("NotImplemented", `${describe(request, target, operation, unknown)} is not implemented.`);
}

/** Parameters that make a request another operation, and what it is about. */
const SUBRESOURCES: Readonly<Record<string, string>> = {
  accelerate: "AccelerateConfiguration",
  acl: "Acl",
  attributes: "Attributes",
  cors: "Cors",
  encryption: "Encryption",
  "legal-hold": "LegalHold",
  lifecycle: "LifecycleConfiguration",
  logging: "Logging",
  notification: "NotificationConfiguration",
  "object-lock": "LockConfiguration",
  ownershipControls: "OwnershipControls",
  policy: "Policy",
  policyStatus: "PolicyStatus",
  publicAccessBlock: "PublicAccessBlock",
  replication: "Replication",
  requestPayment: "RequestPayment",
  restore: "Restore",
  retention: "Retention",
  select: "SelectContent",
  tagging: "Tagging",
  torrent: "Torrent",
  versioning: "Versioning",
  versions: "Versions",
  website: "Website",
};
const VERBS: Readonly<Record<string, string>> = {
  GET: "Get",
  HEAD: "Get",
  PUT: "Put",
  POST: "",
  DELETE: "Delete",
};

/** `GetBucketVersioning`, `ListObjects with the parameter foo`, `PATCH of an object`. */
function describe(
  request: S3Request,
  target: Operation["target"],
  operation: Operation | undefined,
  unknown: readonly string[],
): string {
  const subresource = unknown
    .map((name) => ownValue(SUBRESOURCES, name))
    .find((found) => found !== undefined);
  const verb = VERBS[request.method];
  if (subresource !== undefined && verb !== undefined) {
    return `${verb}${target === "bucket" ? "Bucket" : "Object"}${subresource}`;
  }
  const base =
    operation?.name ?? (unknown.length === 0 ? plainName(request, target) : `${request.method} request`);
  return unknown.length === 0 ? base : `${base} with the parameter ${unknown.join(", ")}`;
}

function plainName({ method }: S3Request, target: Operation["target"]): string {
  if (target === "bucket" && method === "DELETE") return "DeleteBucket";
  if (target === "bucket" && method === "POST") return "PostObject";
  return `${method} of ${target === "object" ? "an object" : `a ${target}`}`;
}

function targetOf({ bucket, key }: S3Request): Operation["target"] {
  if (bucket === "") return "service";
  return key === "" ? "bucket" : "object";
}

/** The signature's own parameters, and the name of the operation that some clients add for their logs. */
function isForEveryone(parameter: string): boolean {
  return parameter === "x-id" || parameter.startsWith("X-Amz-");
}
