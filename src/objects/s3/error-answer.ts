/** How S3 says what went wrong in the store. An unexpected error is not shown to the client. */
import { BoxkiteError, textOf } from "../../domain/errors.ts";
import { ConditionFailedError } from "../hosted-store.ts";
import { noSuchKey } from "./get-object.ts";
import { S3Error } from "./s3-error.ts";

export function s3ErrorOf(error: unknown): S3Error {
  if (error instanceof S3Error) return error;
  if (error instanceof ConditionFailedError) {
    if (!error.exists) return noSuchKey(error.key);
    return new S3Error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
  }
  if (error instanceof BoxkiteError) {
    if (error.code === "INVALID_ARGUMENT") return new S3Error("InvalidArgument", error.message);
    if (error.code === "PERMISSION_DENIED" || error.code === "UNAUTHENTICATED")
      return new S3Error("AccessDenied", textOf(error));
    if (error.code === "OBJECT_DAMAGED") return new S3Error("ObjectDamaged", error.message);
    if (error.code === "QUOTA_EXCEEDED") return new S3Error("QuotaExceeded", textOf(error));
    if (error.code === "DISK_FULL") return new S3Error("InsufficientStorage", error.message);
    if (error.code === "DATA_DIRECTORY_UNUSABLE") return new S3Error("StorageUnavailable", textOf(error));
  }
  return new S3Error("InternalError", "We encountered an internal error. Please try again.");
}
