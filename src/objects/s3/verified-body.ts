/**
 * The body of a request, checked against everything that the request says about it. A check that fails
 * throws at the end of the stream, before the store has replaced anything.
 */
import { createHash, type Hash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Checksum, ChecksumAlgorithm } from "../hosted-store.ts";
import type { Authenticated } from "./authenticate.ts";
import { algorithmOfHeader, checksumHeader, createChecksum } from "./checksums.ts";
import { chunkedFormatOf, decodeChunks } from "./chunked-body.ts";
import type { Crc } from "./crc.ts";
import { S3Error } from "./s3-error.ts";
import type { S3Request } from "./s3-request.ts";
import { UNSIGNED_PAYLOAD } from "../../lib/sigv4.ts";

/** As S3, for one PUT and for one part. */
const MAX_BODY_BYTES = 5 * 1024 ** 3;

export interface VerifiedBody {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** The checksum that the client sent and that was found right. Known once the bytes have ended. */
  readonly checksum: () => Checksum | undefined;
}

interface Wanted {
  readonly length: number | undefined;
  readonly sha256: string | undefined;
  readonly md5: string | undefined;
  readonly algorithm: ChecksumAlgorithm | undefined;
}

export interface VerifyOptions {
  /** Computed if the client names no other. */
  readonly defaultAlgorithm?: ChecksumAlgorithm | undefined;
  /** The checksum in the headers is that of an object, not of this body. */
  readonly checksumOfObject?: boolean;
}

/** Throws for headers that make no sense. */
export function verifyBody(
  request: S3Request,
  authenticated: Authenticated,
  { defaultAlgorithm, checksumOfObject = false }: VerifyOptions = {},
): VerifiedBody {
  const format = chunkedFormatOf(authenticated.payloadHash);
  const claimed = checksumOfObject ? undefined : claimedChecksum(request);
  const wanted: Wanted = {
    length: wantedLength(request, format !== undefined),
    sha256: format === undefined ? wantedSha256(authenticated.payloadHash) : undefined,
    md5: wantedMd5(request),
    algorithm: claimed?.algorithm ?? defaultAlgorithm,
  };
  const trailers = new Map<string, string>();
  const raw = rawBody(request.incoming);
  const content =
    format === undefined
      ? raw
      : decodeChunks(raw, {
          format,
          signing: authenticated.signing,
          signature: authenticated.signature,
          onTrailer: (name, value) => trailers.set(name, value),
        });
  let computed: Checksum | undefined;
  const finish = (checksum: Crc | undefined): void => {
    if (wanted.algorithm === undefined || checksum === undefined) return;
    const value = checksum.digest().toString("base64");
    if (claimed !== undefined) {
      checkClaimed(
        claimed.algorithm,
        claimed.value ?? trailers.get(checksumHeader(claimed.algorithm)),
        value,
      );
    }
    computed = { algorithm: wanted.algorithm, value, type: "FULL_OBJECT" };
  };
  return { bytes: checked(content, wanted, finish), checksum: () => computed };
}

/** Chunks as they come; ends with an error if the client goes away. */
async function* rawBody(incoming: IncomingMessage): AsyncGenerator<Uint8Array> {
  // Not destroyed when we stop early: the client is still to get its answer over the same connection.
  for await (const chunk of incoming.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
  // HTTP/2 ends the stream without an error when the client resets it.
  if (incoming.aborted) throw new S3Error("IncompleteBody", "The client went away before the body's end.");
}

async function* checked(
  content: AsyncIterable<Uint8Array>,
  wanted: Wanted,
  finish: (checksum: Crc | undefined) => void,
): AsyncGenerator<Uint8Array> {
  const sha256 = wanted.sha256 === undefined ? undefined : createHash("sha256");
  const md5 = wanted.md5 === undefined ? undefined : createHash("md5");
  const checksum = wanted.algorithm === undefined ? undefined : createChecksum(wanted.algorithm);
  let length = 0;
  for await (const chunk of content) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw tooLarge();
    sha256?.update(chunk);
    md5?.update(chunk);
    checksum?.update(chunk);
    yield chunk;
  }
  if (wanted.length !== undefined && length !== wanted.length) {
    throw new S3Error(
      "IncompleteBody",
      `The body has ${length} bytes instead of the ${wanted.length} that were announced.`,
    );
  }
  checkHash(sha256, "hex", wanted.sha256, "XAmzContentSHA256Mismatch", "x-amz-content-sha256");
  checkHash(md5, "base64", wanted.md5, "BadDigest", "Content-MD5");
  finish(checksum);
}

function checkHash(
  hash: Hash | undefined,
  encoding: "hex" | "base64",
  wanted: string | undefined,
  code: "XAmzContentSHA256Mismatch" | "BadDigest",
  header: string,
): void {
  const computed = hash?.digest(encoding);
  if (computed === wanted) return;
  throw new S3Error(code, `The ${header} of the request does not match what was received.`, {
    ExpectedDigest: wanted ?? "",
    CalculatedDigest: computed ?? "",
  });
}

function checkClaimed(algorithm: ChecksumAlgorithm, claimed: string | undefined, computed: string): void {
  if (claimed === computed) return;
  if (claimed === undefined) {
    throw new S3Error("MalformedTrailerError", `The trailer lacks ${checksumHeader(algorithm)}.`);
  }
  throw new S3Error("BadDigest", `The ${algorithm} you specified did not match the calculated checksum.`);
}

/** From a header, or announced to come behind the body. */
export function claimedChecksum(
  request: S3Request,
): { algorithm: ChecksumAlgorithm; value?: string } | undefined {
  const found = Object.keys(request.headers).flatMap((name) => {
    const algorithm = algorithmOfHeader(name);
    const value = request.header(name);
    return algorithm === undefined || value === undefined ? [] : [{ algorithm, value }];
  });
  if (found.length > 1) throw new S3Error("InvalidRequest", "Expecting a single x-amz-checksum- header.");
  if (found[0] !== undefined) return found[0];
  const trailer = request.header("x-amz-trailer");
  if (trailer === undefined) return undefined;
  const algorithm = algorithmOfHeader(trailer.trim());
  if (algorithm === undefined) {
    throw new S3Error("InvalidRequest", `The value of x-amz-trailer, ${trailer}, is not a checksum header.`);
  }
  return { algorithm };
}

function wantedLength(request: S3Request, chunked: boolean): number | undefined {
  const name = chunked ? "x-amz-decoded-content-length" : "content-length";
  const text = request.header(name);
  if (text === undefined) return undefined;
  const length = Number(text);
  if (!/^\d+$/.test(text)) throw new S3Error("InvalidArgument", `${name} is not a number.`);
  if (length > MAX_BODY_BYTES) throw tooLarge();
  return length;
}

function wantedSha256(payloadHash: string): string | undefined {
  if (payloadHash === UNSIGNED_PAYLOAD) return undefined;
  if (/^[0-9a-f]{64}$/.test(payloadHash)) return payloadHash;
  throw new S3Error(
    "InvalidArgument",
    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
  );
}

function wantedMd5(request: S3Request): string | undefined {
  const text = request.header("content-md5");
  if (text === undefined) return undefined;
  if (Buffer.from(text, "base64").length !== 16) {
    throw new S3Error("InvalidDigest", "The Content-MD5 you specified is not valid.");
  }
  return text;
}

function tooLarge(): S3Error {
  return new S3Error("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size", {
    MaxSizeAllowed: String(MAX_BODY_BYTES),
  });
}
