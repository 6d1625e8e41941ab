/** The header that asks for an object to be encrypted on the disk (directory/encryption.ts), and answers that it is. */
import type { ObjectAttributes } from "../hosted-store.ts";
import type { ResponseHeaders } from "./respond.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";

export const ENCRYPTION_HEADER = "x-amz-server-side-encryption";

export function encryptionHeadersOf({ encryption }: ObjectAttributes): ResponseHeaders {
  return encryption === undefined ? {} : { [ENCRYPTION_HEADER]: encryption };
}

/** Throws NotImplemented for keys of a key management service, and InvalidArgument. */
export function encryptionOf(request: S3Request): ObjectAttributes["encryption"] {
  const value = request.header(ENCRYPTION_HEADER);
  if (value === undefined || value === "AES256") return value;
  if (!value.startsWith("aws:")) {
    throw new S3Error("InvalidArgument", `${ENCRYPTION_HEADER} is AES256, not ${value}.`, {
      ArgumentName: ENCRYPTION_HEADER,
      ArgumentValue: value,
    });
  }
  throw new S3Error(
    "NotImplemented",
    `The header ${ENCRYPTION_HEADER}: ${value} is not implemented: there is no key management service; AES256 is.`,
    { Header: ENCRYPTION_HEADER },
  );
}
