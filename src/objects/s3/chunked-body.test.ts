import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeChunks, type ChunkedFormat } from "./chunked-body.ts";
import { sha256Hex, sign, signingContext, stringToSign } from "../../lib/sigv4.ts";

/** The example of AWS's documentation of signed chunks. */
const CONTEXT = signingContext(
  "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  { date: "20130524", region: "us-east-1" },
  "20130524T000000Z",
);
const SEED = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
const LAST = "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9";
const SIGNED = [
  "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n",
  `${"a".repeat(65536)}\r\n`,
  "400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n",
  `${"a".repeat(1024)}\r\n`,
  `0;chunk-signature=${LAST}\r\n`,
  "\r\n",
].join("");
const UNSIGNED = "5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";

interface Decoded {
  readonly content: string;
  readonly trailers: Record<string, string>;
}

async function decode(text: string, format: ChunkedFormat, pieceBytes = text.length): Promise<Decoded> {
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < text.length; at += pieceBytes) yield Buffer.from(text.slice(at, at + pieceBytes));
  };
  const trailers: Record<string, string> = {};
  const chunks: Uint8Array[] = [];
  const onTrailer = (name: string, value: string): void => void (trailers[name] = value);
  for await (const chunk of decodeChunks(pieces(), {
    format,
    signing: CONTEXT,
    signature: SEED,
    onTrailer,
  })) {
    chunks.push(chunk);
  }
  return { content: Buffer.concat(chunks).toString(), trailers };
}

const signed = { signed: true, trailer: false };
const signedTrailer = { signed: true, trailer: true };
const unsigned = { signed: false, trailer: true };

test("signed chunks, however the network cuts them", async () => {
  for (const pieceBytes of [13, 1000, 65_621, 100_000]) {
    assert.equal((await decode(SIGNED, signed, pieceBytes)).content, "a".repeat(66560));
  }
});

test("a chunk that was changed, left out or cut off is refused", async () => {
  const changed = SIGNED.replace("aaaa", "aaab");
  await assert.rejects(decode(changed, signed), { code: "SignatureDoesNotMatch" });
  const leftOut = SIGNED.slice(SIGNED.indexOf("400;"));
  await assert.rejects(decode(leftOut, signed), { code: "SignatureDoesNotMatch" });
  await assert.rejects(decode(SIGNED.slice(0, 60_000), signed), { code: "IncompleteBody" });
  const cutBetween = SIGNED.slice(0, SIGNED.indexOf("0;chunk-signature=b6"));
  await assert.rejects(decode(cutBetween, signed), { code: "IncompleteBody" });
  await assert.rejects(decode("5\r\nhello\r\n0\r\n\r\n", signed), { code: "SignatureDoesNotMatch" });
});

test("unsigned chunks with a trailer", async () => {
  for (const pieceBytes of [1, 3, 1000]) {
    assert.deepEqual(await decode(UNSIGNED, unsigned, pieceBytes), {
      content: "hello world",
      trailers: { "x-amz-checksum-crc32": "DUoRhQ==" },
    });
  }
  await assert.rejects(decode("5\r\nhello world\r\n0\r\n\r\n", unsigned), { code: "InvalidRequest" });
  await assert.rejects(decode("hello", unsigned), { code: "IncompleteBody" });
  await assert.rejects(decode("hello\r\n", unsigned), { code: "InvalidRequest" });
  await assert.rejects(decode("0".repeat(20_000), unsigned), { code: "InvalidRequest" });
});

test("a signed trailer", async () => {
  const line = "x-amz-checksum-crc32:DUoRhQ==";
  const signature = sign(
    CONTEXT,
    stringToSign(CONTEXT, "AWS4-HMAC-SHA256-TRAILER", [LAST, sha256Hex(`${line}\n`)]),
  );
  const body = SIGNED.slice(0, -2);
  const whole = `${body}${line}\r\nx-amz-trailer-signature:${signature}\r\n\r\n`;
  assert.deepEqual((await decode(whole, signedTrailer)).trailers, { "x-amz-checksum-crc32": "DUoRhQ==" });
  await assert.rejects(decode(whole.replace("DUo", "DUp"), signedTrailer), { code: "SignatureDoesNotMatch" });
  await assert.rejects(decode(`${body}${line}\r\n\r\n`, signedTrailer), { code: "MalformedTrailerError" });
});
