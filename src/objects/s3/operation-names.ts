/** How S3 names an operation that is not implemented, so that the refusal says what was asked for. */
import { ownValue } from "../../domain/own-value.ts";

export type Target = "service" | "bucket" | "object";

export interface Refused {
  readonly method: string;
  readonly target: Target;
  /** The operation that it would be without the parameters that are not known. */
  readonly operation: string | undefined;
  /** Names of parameters. */
  readonly unknown: readonly string[];
}

/** Parameters that make a request another operation, and what it is about. */
const SUBRESOURCES: Readonly<Record<string, string>> = {
  accelerate: "AccelerateConfiguration",
  acl: "Acl",
  analytics: "AnalyticsConfiguration",
  attributes: "Attributes",
  cors: "Cors",
  encryption: "Encryption",
  "intelligent-tiering": "IntelligentTieringConfiguration",
  inventory: "InventoryConfiguration",
  "legal-hold": "LegalHold",
  lifecycle: "LifecycleConfiguration",
  logging: "Logging",
  metrics: "MetricsConfiguration",
  notification: "NotificationConfiguration",
  ownershipControls: "OwnershipControls",
  policy: "Policy",
  policyStatus: "PolicyStatus",
  replication: "Replication",
  requestPayment: "RequestPayment",
  retention: "Retention",
  tagging: "Tagging",
  torrent: "Torrent",
  versioning: "Versioning",
  website: "Website",
};
const VERBS: Readonly<Record<string, string>> = { GET: "Get", HEAD: "Get", PUT: "Put", DELETE: "Delete" };

/** Those that are not named by the rule above: method, target and parameter, if one makes the operation. */
const IRREGULAR: Readonly<Record<string, string>> = {
  "GET bucket versions": "ListObjectVersions",
  "GET bucket object-lock": "GetObjectLockConfiguration",
  "PUT bucket object-lock": "PutObjectLockConfiguration",
  "GET bucket publicAccessBlock": "GetPublicAccessBlock",
  "PUT bucket publicAccessBlock": "PutPublicAccessBlock",
  "DELETE bucket publicAccessBlock": "DeletePublicAccessBlock",
  "DELETE bucket lifecycle": "DeleteBucketLifecycle",
  "GET bucket session": "CreateSession",
  "GET object uploadId": "ListParts",
  "POST object restore": "RestoreObject",
  "POST object select": "SelectObjectContent",
  "PUT object renameObject": "RenameObject",
  "DELETE bucket": "DeleteBucket",
  "POST bucket": "PostObject",
  "OPTIONS object": "a CORS preflight",
};

/** `GetBucketVersioning`, `ListObjects with the parameter foo`, `PATCH of an object`. */
export function notImplementedName({ method, target, operation, unknown }: Refused): string {
  for (const parameter of unknown) {
    const irregular = ownValue(IRREGULAR, `${method} ${target} ${parameter}`);
    if (irregular !== undefined) return irregular;
    const [verb, subresource] = [ownValue(VERBS, method), ownValue(SUBRESOURCES, parameter)];
    if (verb !== undefined && subresource !== undefined && target !== "service")
      return `${verb}${target === "bucket" ? "Bucket" : "Object"}${subresource}`;
  }
  const of = target === "object" ? "an object" : `the ${target}`;
  const name = operation ?? ownValue(IRREGULAR, `${method} ${target}`) ?? `${method} of ${of}`;
  return unknown.length === 0 ? name : `${name} with the parameter ${unknown.join(", ")}`;
}
