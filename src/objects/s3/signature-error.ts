import { S3Error } from "./s3-error.ts";

export function signatureDoesNotMatch(details: Readonly<Record<string, string>>): S3Error {
  return new S3Error(
    "SignatureDoesNotMatch",
    "The signature is not what the secret key gives for this request. Check the secret key, and that no proxy rewrites the host or the path.",
    details,
  );
}
