/** CopyObject and UploadPartCopy: within the one bucket. */
import type { Readable } from "node:stream";
import type { Checksum, ChecksumAlgorithm, OpenObject } from "../hosted-store.ts";
import { pickAttributes } from "../object-attributes.ts";
import type { ByteRange } from "../object-store.ts";
import { attributesOf } from "./attributes.ts";
import { authorize, whileAuthorized, type Call } from "./call.ts";
import { checksumElement, createChecksum, parseAlgorithm } from "./checksums.ts";
import { checkReadConditions, writeConditionOf } from "./conditions.ts";
import { noSuchKey } from "./get-object.ts";
import { findUpload, noSuchUpload, partNumberOf } from "./multipart.ts";
import { sendXml, xmlDate } from "./respond.ts";
import { encryptionHeadersOf } from "./encryption-header.ts";
import { S3Error } from "./s3-error.ts";
import { checkKeyOfUrl, decode, type S3Request } from "./s3-request.ts";
import { document, text } from "./xml.ts";

export async function copyObject(call: Call): Promise<void> {
  const { request, response, store } = call;
  await authorize(call, "write", request.key);
  const condition = writeConditionOf(request);
  const directives = directivesOf(request);
  const asked = attributesOf(request);
  if (asked.tags !== undefined && directives.tags === "COPY")
    throw new S3Error("InvalidArgument", "x-amz-tagging needs x-amz-tagging-directive: REPLACE.");
  const sourceKey = await authorizedSource(call);
  const isChange =
    directives.metadata === "REPLACE" || directives.tags === "REPLACE" || asked.encryption !== undefined;
  if (sourceKey === request.key && !isChange) {
    throw new S3Error(
      "InvalidRequest",
      "A copy of an object to itself has to change something, such as its metadata.",
    );
  }
  const chosen = request.header("x-amz-checksum-algorithm");
  const stored = await withSource(call, sourceKey, async (source) => {
    const { info } = source;
    const attributes = pickAttributes({
      ...(directives.metadata === "REPLACE" ? asked : info),
      tags: (directives.tags === "REPLACE" ? asked : info).tags,
      encryption: asked.encryption ?? info.encryption,
    });
    const algorithm = chosen === undefined ? source.info.checksum?.algorithm : parseAlgorithm(chosen);
    const { bytes, checksum } = summed(source.stream(), algorithm);
    return store.put(request.key, whileAuthorized(call, bytes), {
      ...attributes,
      ...(condition === undefined ? {} : { condition }),
      checksum,
    });
  });
  await call.onWritten(request.key, stored.size);
  sendXml(response, resultOf("CopyObjectResult", stored), encryptionHeadersOf(stored));
}

export async function uploadPartCopy(call: Call): Promise<void> {
  const { request, response, store } = call;
  await authorize(call, "write", request.key);
  const number = partNumberOf(request);
  const upload = await findUpload(call);
  const part = await withSource(call, await authorizedSource(call), async (source) => {
    const range = sourceRange(request.header("x-amz-copy-source-range"), source.info.size);
    const { bytes, checksum } = summed(source.stream(range), upload.checksumAlgorithm);
    return store.putPart(upload, number, bytes, { checksum });
  });
  if (part === undefined) throw noSuchUpload(upload.id);
  sendXml(response, resultOf("CopyPartResult", part));
}

/** The key of the source; throws AccessDenied, NoSuchBucket, InvalidArgument, NotImplemented. */
async function authorizedSource(call: Call): Promise<string> {
  const header = call.request.header("x-amz-copy-source") ?? "";
  const [path = "", version] = header.split("?versionId=", 2);
  if (version !== undefined) throw new S3Error("NotImplemented", "Copying a version is not implemented.");
  const [bucket = "", key = ""] = decode(path.replace(/^\//, "")).split(/\/(.*)/s, 2);
  if (key === "") throw new S3Error("InvalidArgument", "x-amz-copy-source is not <bucket>/<key>.");
  checkKeyOfUrl(key);
  if (bucket !== call.bucket) {
    throw new S3Error("NoSuchBucket", "The bucket of the source does not exist.", { BucketName: bucket });
  }
  await authorize(call, "read", key);
  return key;
}

/** Throws NoSuchKey, PreconditionFailed. */
async function withSource<T>(call: Call, key: string, work: (source: OpenObject) => Promise<T>): Promise<T> {
  const source = await call.store.open(key);
  if (source === undefined) throw noSuchKey(key);
  try {
    if (checkReadConditions(call.request, source.info, "x-amz-copy-source-") === "notModified") {
      throw new S3Error("PreconditionFailed", "The source is not newer, or is the one that was excluded.");
    }
    return await work(source);
  } finally {
    await source.close();
  }
}

type Directive = "COPY" | "REPLACE";

/** Whether the copy gets what the source has or what the request says. Throws InvalidArgument. */
function directivesOf(request: S3Request): Readonly<Record<"metadata" | "tags", Directive>> {
  const read = (name: string): Directive => {
    const directive = request.header(name) ?? "COPY";
    if (directive === "COPY" || directive === "REPLACE") return directive;
    throw new S3Error("InvalidArgument", `${name} is COPY or REPLACE, not ${directive}.`);
  };
  return { metadata: read("x-amz-metadata-directive"), tags: read("x-amz-tagging-directive") };
}

function sourceRange(header: string | undefined, size: number): ByteRange | undefined {
  if (header === undefined) return undefined;
  const match = /^bytes=(\d+)-(\d+)$/.exec(header);
  const [start, end] = [Number(match?.[1]), Number(match?.[2])];
  if (match !== null && start <= end && end < size) return { start, end };
  throw new S3Error(
    "InvalidArgument",
    `x-amz-copy-source-range is not bytes=<first>-<last> of ${size} bytes.`,
  );
}

/** Computes a checksum of what passes. */
function summed(
  source: Readable,
  algorithm: ChecksumAlgorithm | undefined,
): { bytes: AsyncIterable<Uint8Array>; checksum: () => Checksum | undefined } {
  if (algorithm === undefined) return { bytes: source, checksum: () => undefined };
  const sum = createChecksum(algorithm);
  const pass = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of source as AsyncIterable<Uint8Array>) {
      sum.update(chunk);
      yield chunk;
    }
  };
  return {
    bytes: pass(),
    checksum: () => ({ algorithm, type: "FULL_OBJECT", value: sum.digest().toString("base64") }),
  };
}

function resultOf(root: string, result: { etag: string; modifiedAt: number; checksum?: Checksum }): string {
  const { etag, modifiedAt, checksum } = result;
  return document(
    root,
    text("ETag", etag),
    text("LastModified", xmlDate(modifiedAt)),
    checksum === undefined ? "" : text(checksumElement(checksum.algorithm), checksum.value),
  );
}
