/** Uploads in parts: begin, parts, abort and the listing. How they are completed is in complete-upload.ts. */
import type { ChecksumAlgorithm, ChecksumType, Upload } from "../hosted-store.ts";
import { compareKeys } from "../directory/key-order.ts";
import { attributesOf } from "./attributes.ts";
import { authorize, type Call } from "./call.ts";
import { checksumHeader, parseAlgorithm } from "./checksums.ts";
import { maxOf, namer } from "./list-objects.ts";
import { sendEmpty, sendXml, xmlDate } from "./respond.ts";
import { encryptionHeadersOf } from "./encryption-header.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";
import { claimedChecksum, verifyBody } from "./verified-body.ts";
import { document, element, text } from "./xml.ts";

/** As S3. */
const MAX_PART_NUMBER = 10_000;

export async function createMultipartUpload(call: Call): Promise<void> {
  const { request, response, store, bucket } = call;
  await authorize(call, "write", request.key);
  const checksum = checksumChoice(request);
  const upload = await store.createUpload({
    key: request.key,
    attributes: attributesOf(request),
    ...(checksum && { checksumAlgorithm: checksum.algorithm, checksumType: checksum.type }),
  });
  sendXml(
    response,
    document(
      "InitiateMultipartUploadResult",
      text("Bucket", bucket),
      text("Key", request.key),
      text("UploadId", upload.id),
    ),
    {
      "x-amz-checksum-algorithm": checksum?.algorithm,
      "x-amz-checksum-type": checksum?.type,
      ...encryptionHeadersOf(upload.attributes),
    },
  );
}

export async function uploadPart(call: Call): Promise<void> {
  const { request, response, store } = call;
  await authorize(call, "write", request.key);
  const number = partNumberOf(request);
  const upload = await findUpload(call);
  checkAlgorithm(request, upload);
  const body = verifyBody(request, call.authenticated, { defaultAlgorithm: upload.checksumAlgorithm });
  const part = await store.putPart(upload, number, body.bytes, { checksum: body.checksum });
  if (part === undefined) throw noSuchUpload(upload.id);
  const { checksum } = part;
  sendEmpty(response, 200, {
    etag: part.etag,
    ...(checksum && { [checksumHeader(checksum.algorithm)]: checksum.value }),
    ...encryptionHeadersOf(upload.attributes),
  });
}

export async function abortMultipartUpload(call: Call): Promise<void> {
  await authorize(call, "write", call.request.key);
  await call.store.abortUpload(await findUpload(call));
  sendEmpty(call.response, 204);
}

export async function listMultipartUploads(call: Call): Promise<void> {
  const { request, response, store, bucket } = call;
  const prefix = request.parameter("prefix") ?? "";
  const name = namer(request);
  const limit = maxOf(request, "max-uploads");
  await authorize(call, "list", prefix);
  const after = { key: request.parameter("key-marker"), id: request.parameter("upload-id-marker") };
  const uploads = uploadsAfter(await store.listUploads(prefix), after.key, after.id);
  const shown = uploads.slice(0, limit);
  const last = uploads.length > shown.length ? shown.at(-1) : undefined;
  sendXml(
    response,
    document(
      "ListMultipartUploadsResult",
      text("Bucket", bucket),
      text("KeyMarker", name(after.key ?? "")),
      text("UploadIdMarker", after.id ?? ""),
      text("NextKeyMarker", last && name(last.key)),
      text("NextUploadIdMarker", last?.id),
      text("Prefix", name(prefix)),
      text("EncodingType", request.parameter("encoding-type")),
      text("MaxUploads", limit),
      text("IsTruncated", last !== undefined),
      ...shown.map((upload) =>
        element(
          "Upload",
          text("Key", name(upload.key)),
          text("UploadId", upload.id),
          text("StorageClass", "STANDARD"),
          text("Initiated", xmlDate(upload.createdAt)),
          text("ChecksumAlgorithm", upload.checksumAlgorithm),
          text("ChecksumType", upload.checksumType),
        ),
      ),
    ),
  );
}

/** Throws NoSuchUpload. */
export async function findUpload({ request, store }: Call): Promise<Upload> {
  const id = request.parameter("uploadId") ?? "";
  const upload = await store.findUpload(request.key, id);
  if (upload === undefined) throw noSuchUpload(id);
  return upload;
}

export function noSuchUpload(id: string): S3Error {
  return new S3Error(
    "NoSuchUpload",
    "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
    { UploadId: id },
  );
}

export function partNumberOf(request: S3Request): number {
  const value = request.parameter("partNumber") ?? "";
  const number = /^\d{1,5}$/.test(value) ? Number(value) : 0;
  if (number >= 1 && number <= MAX_PART_NUMBER) return number;
  throw new S3Error(
    "InvalidArgument",
    `Part number must be an integer between 1 and ${MAX_PART_NUMBER}, inclusive`,
    {
      ArgumentName: "partNumber",
      ArgumentValue: value,
    },
  );
}

/** Throws InvalidRequest for a combination that S3 does not have. */
function checksumChoice(
  request: S3Request,
): { algorithm: ChecksumAlgorithm; type: ChecksumType } | undefined {
  const name = request.header("x-amz-checksum-algorithm");
  const type = request.header("x-amz-checksum-type")?.toUpperCase();
  if (name === undefined) {
    if (type === undefined) return undefined;
    throw new S3Error("InvalidRequest", "x-amz-checksum-type needs x-amz-checksum-algorithm.");
  }
  const algorithm = parseAlgorithm(name);
  const isSha = algorithm === "SHA1" || algorithm === "SHA256";
  const usual: ChecksumType = algorithm === "CRC64NVME" ? "FULL_OBJECT" : "COMPOSITE";
  const possible = type === undefined || type === usual || (type === "FULL_OBJECT" && !isSha);
  if (!possible)
    throw new S3Error("InvalidRequest", `The checksum type ${type} is not possible with ${algorithm}.`);
  return { algorithm, type: type === "FULL_OBJECT" ? type : usual };
}

/** The checksum of the whole is made of those of its parts, so they are all of one kind. */
function checkAlgorithm(request: S3Request, { checksumAlgorithm }: Upload): void {
  const claimed = claimedChecksum(request)?.algorithm;
  if (claimed === undefined || checksumAlgorithm === undefined || claimed === checksumAlgorithm) return;
  throw new S3Error(
    "InvalidRequest",
    `The upload was begun with ${checksumAlgorithm}, and this part has ${claimed}.`,
  );
}

/** Those behind the markers, in the order of the listing. */
function uploadsAfter(
  uploads: readonly Upload[],
  key: string | undefined,
  id: string | undefined,
): readonly Upload[] {
  if (key === undefined || key === "") return uploads;
  const marked = uploads.findIndex((upload) => upload.key === key && upload.id === id);
  if (marked !== -1) return uploads.slice(marked + 1);
  return uploads.slice(uploads.filter((upload) => compareKeys(upload.key, key) <= 0).length);
}
