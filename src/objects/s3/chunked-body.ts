/**
 * Bodies that are cut into chunks inside of the HTTP body ("aws-chunked"), each chunk signed or not, with
 * checksums behind the last one.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html
 */
import { createHash } from "node:crypto";
import { ownValue } from "../../domain/own-value.ts";
import { ByteReader } from "./byte-reader.ts";
import { S3Error } from "./s3-error.ts";
import {
  EMPTY_SHA256,
  sameSignature,
  sha256Hex,
  sign,
  stringToSign,
  type SigningContext,
} from "../../lib/sigv4.ts";

export interface ChunkedFormat {
  readonly signed: boolean;
  readonly trailer: boolean;
}

const FORMATS: Readonly<Record<string, ChunkedFormat>> = {
  "STREAMING-UNSIGNED-PAYLOAD-TRAILER": { signed: false, trailer: true },
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": { signed: true, trailer: false },
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": { signed: true, trailer: true },
};

/** Undefined for a body without chunks. Throws NotImplemented for an unknown kind of chunks. */
export function chunkedFormatOf(payloadHash: string): ChunkedFormat | undefined {
  const format = ownValue(FORMATS, payloadHash);
  if (format === undefined && payloadHash.startsWith("STREAMING-")) {
    throw new S3Error("NotImplemented", `Bodies of the kind ${payloadHash} are not implemented.`);
  }
  return format;
}

const TRAILER_SIGNATURE = "x-amz-trailer-signature";

export interface ChunkedSource {
  readonly format: ChunkedFormat;
  /** Needed if the chunks are signed. */
  readonly signing: SigningContext | undefined;
  /** The request's; each chunk signs the one before it. */
  readonly signature: string;
  readonly onTrailer: (name: string, value: string) => void;
}

/** The content without the framing. Throws SignatureDoesNotMatch, IncompleteBody, InvalidRequest. */
export async function* decodeChunks(
  body: AsyncIterable<Uint8Array>,
  source: ChunkedSource,
): AsyncGenerator<Uint8Array> {
  const { format, signing } = source;
  const reader = new ByteReader(body);
  let previous = source.signature;
  try {
    for (;;) {
      const { size, signature } = parseChunkHeader(await reader.line());
      const hash = createHash("sha256");
      for await (const data of reader.take(size)) {
        if (format.signed) hash.update(data);
        yield data;
      }
      if (format.signed) {
        checkSignature(signing, "AWS4-HMAC-SHA256-PAYLOAD", signature, [
          previous,
          EMPTY_SHA256,
          hash.digest("hex"),
        ]);
        previous = signature;
      }
      if (size === 0) break;
      if ((await reader.line()) !== "")
        throw new S3Error("InvalidRequest", "A chunk is longer than it says.");
    }
    await readTrailer(reader, source, previous);
  } finally {
    await reader.stop();
  }
}

async function readTrailer(reader: ByteReader, source: ChunkedSource, previous: string): Promise<void> {
  const { format, signing, onTrailer } = source;
  let signedText = "";
  let signature: string | undefined;
  for (let line = await reader.line(); line !== ""; line = await reader.line()) {
    const colon = line.indexOf(":");
    if (colon === -1) throw new S3Error("MalformedTrailerError", "A line of the trailer has no colon.");
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === TRAILER_SIGNATURE) {
      signature = value;
      continue;
    }
    signedText += `${name}:${value}\n`;
    onTrailer(name, value);
  }
  if (!format.signed || !format.trailer) return;
  if (signature === undefined) throw new S3Error("MalformedTrailerError", "The trailer is not signed.");
  checkSignature(signing, "AWS4-HMAC-SHA256-TRAILER", signature, [previous, sha256Hex(signedText)]);
}

/** `<size in hex>` and, if signed, `;chunk-signature=<hex>`. */
function parseChunkHeader(line: string): { size: number; signature: string } {
  const match = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
  if (match === null)
    throw new S3Error("InvalidRequest", "The body is not cut into chunks as its headers say.");
  return { size: Number.parseInt(match[1] ?? "", 16), signature: match[2] ?? "" };
}

function checkSignature(
  signing: SigningContext | undefined,
  algorithm: string,
  signature: string,
  lines: readonly string[],
): void {
  if (signing === undefined)
    throw new S3Error("InvalidRequest", "Chunks are signed with version 4, and the request with version 2.");
  if (sameSignature(sign(signing, stringToSign(signing, algorithm, lines)), signature)) return;
  throw new S3Error("SignatureDoesNotMatch", "The signature of a part of the body does not match.");
}
