import { childText, type XmlElement } from "../../lib/xml.ts";
import type { Completion, PartInfo, StoredObject, Upload } from "../hosted-store.ts";
import { authorize, type Call } from "./call.ts";
import { checksumElement, checksumOfParts } from "./checksums.ts";
import { quoted, writeConditionOf } from "./conditions.ts";
import { noSuchUpload } from "./multipart.ts";
import { readXml } from "./read-xml.ts";
import { sendXml } from "./respond.ts";
import { encryptionHeadersOf } from "./encryption-header.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";
import { encodeUriPath } from "../../lib/sigv4.ts";
import { claimedChecksum } from "./verified-body.ts";
import { document, text } from "./xml.ts";

/** As S3: of every part but the last. */
const MIN_PART_BYTES = 5 * 1024 * 1024;

export async function completeMultipartUpload(call: Call): Promise<void> {
  const { request, store } = call;
  await authorize(call, "write", request.key);
  const id = request.parameter("uploadId") ?? "";
  const condition = writeConditionOf(request);
  const body = await readXml(call, "CompleteMultipartUpload", { checksumOfObject: true });
  // The right may have ended while the body came.
  await authorize(call, "write", request.key);
  const upload = await store.findUpload(request.key, id);
  const completed =
    upload &&
    (await store.completeUpload(upload, (stored) => chooseParts(request, upload, body, stored), condition));
  // A client that missed the first answer asks again, and gets the same one.
  const object = completed ?? (await store.completedBy(request.key, id));
  if (object === undefined) throw noSuchUpload(id);
  await call.onWritten(request.key, object.size);
  sendXml(call.response, resultOf(call, object), encryptionHeadersOf(object));
}

function chooseParts(
  request: S3Request,
  upload: Upload,
  body: XmlElement,
  stored: readonly PartInfo[],
): Completion {
  const byNumber = new Map(stored.map((part) => [part.number, part]));
  const listed = body.children.filter((child) => child.name === "Part");
  if (listed.length === 0) throw new S3Error("MalformedXML", "An object has at least one part.");
  const parts = listed.map((element) => matchingPart(element, byNumber));
  for (const [index, part] of parts.entries()) {
    const next = parts[index + 1];
    if (next === undefined) break;
    if (next.number <= part.number) {
      throw new S3Error("InvalidPartOrder", "The list of parts was not in ascending order of their numbers.");
    }
    if (part.size < MIN_PART_BYTES) {
      throw new S3Error("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", {
        PartNumber: String(part.number),
        ProposedSize: String(part.size),
        MinSizeAllowed: String(MIN_PART_BYTES),
      });
    }
  }
  checkSize(request, parts);
  return { parts, ...checksumFor(request, upload, parts) };
}

/** Throws InvalidPart unless it is stored with the etag and the checksum of the list. */
function matchingPart(element: XmlElement, stored: ReadonlyMap<number, PartInfo>): PartInfo {
  const number = Number(childText(element, "PartNumber"));
  const etag = childText(element, "ETag");
  const part = stored.get(number);
  const { checksum } = part ?? {};
  const claimed = checksum && childText(element, checksumElement(checksum.algorithm));
  const matches =
    etag !== undefined &&
    part?.etag === quoted(etag) &&
    (claimed === undefined || claimed === checksum?.value);
  if (part !== undefined && matches) return part;
  throw new S3Error(
    "InvalidPart",
    "One or more of the specified parts could not be found, or has another entity tag or checksum.",
    { PartNumber: String(number) },
  );
}

function checkSize(request: S3Request, parts: readonly PartInfo[]): void {
  const claimed = request.header("x-amz-mp-object-size");
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  if (claimed === undefined || Number(claimed) === size) return;
  throw new S3Error(
    "InvalidRequest",
    `The parts have ${size} bytes, and x-amz-mp-object-size is ${claimed}.`,
  );
}

/** Throws BadDigest if the client says another than the parts make. */
function checksumFor(
  request: S3Request,
  upload: Upload,
  parts: readonly PartInfo[],
): Pick<Completion, "checksum"> {
  const { checksumAlgorithm, checksumType } = upload;
  const checksum =
    checksumAlgorithm && checksumType ? checksumOfParts(checksumAlgorithm, checksumType, parts) : undefined;
  const claimed = claimedChecksum(request);
  if (claimed?.value !== undefined) {
    if (claimed.algorithm !== checksum?.algorithm) {
      throw new S3Error("InvalidRequest", `The upload was not begun with ${claimed.algorithm}.`);
    }
    // The count behind a composite checksum may be left out.
    if (claimed.value !== checksum.value && claimed.value !== checksum.value.replace(/-\d+$/, "")) {
      throw new S3Error(
        "BadDigest",
        `The ${claimed.algorithm} you specified did not match that of the parts.`,
      );
    }
  }
  return checksum === undefined ? {} : { checksum };
}

function resultOf({ request, bucket }: Call, { etag, checksum }: StoredObject): string {
  const host = request.header("host") ?? "";
  return document(
    "CompleteMultipartUploadResult",
    text("Location", `http://${host}/${bucket}/${encodeUriPath(request.key)}`),
    text("Bucket", bucket),
    text("Key", request.key),
    text("ETag", etag),
    ...(checksum === undefined
      ? []
      : [text(checksumElement(checksum.algorithm), checksum.value), text("ChecksumType", checksum.type)]),
  );
}
