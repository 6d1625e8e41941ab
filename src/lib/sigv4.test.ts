/** The examples of AWS's own documentation. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ALGORITHM,
  canonicalRequest,
  sameSignature,
  EMPTY_SHA256,
  keepKey,
  parseTimestamp,
  sha256Hex,
  sign,
  signingContext,
  stringToSign,
  timestampOf,
  UNSIGNED_PAYLOAD,
  type CanonicalParts,
} from "./sigv4.ts";

const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TIMESTAMP = "20130524T000000Z";
const CONTEXT = signingContext(SECRET, { date: "20130524", region: "us-east-1" }, TIMESTAMP);
const HOST = ["host", "examplebucket.s3.amazonaws.com"] as const;

function signatureOf(parts: Partial<CanonicalParts>): string {
  const canonical = canonicalRequest({
    method: "GET",
    path: "/",
    query: [],
    headers: [HOST],
    payloadHash: EMPTY_SHA256,
    ...parts,
  });
  return sign(CONTEXT, stringToSign(CONTEXT, ALGORITHM, [sha256Hex(canonical)]));
}

test("a GET with headers", () => {
  const headers = [
    HOST,
    ["x-amz-date", TIMESTAMP],
    ["range", "bytes=0-9"],
    ["x-amz-content-sha256", EMPTY_SHA256],
  ] as const;
  assert.equal(
    signatureOf({ path: "/test.txt", headers }),
    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  );
});

test("a PUT whose key needs encoding", () => {
  const payloadHash = sha256Hex("Welcome to Amazon S3.");
  const headers = [
    ["date", "Fri, 24 May 2013 00:00:00 GMT"],
    HOST,
    ["x-amz-date", TIMESTAMP],
    ["x-amz-storage-class", "REDUCED_REDUNDANCY"],
    ["x-amz-content-sha256", payloadHash],
  ] as const;
  assert.equal(
    signatureOf({ method: "PUT", path: "/test$file.text", headers, payloadHash }),
    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  );
});

test("a listing with parameters", () => {
  const headers = [HOST, ["x-amz-date", TIMESTAMP], ["x-amz-content-sha256", EMPTY_SHA256]] as const;
  const query = [
    ["prefix", "J"],
    ["max-keys", "2"],
  ] as const;
  assert.equal(
    signatureOf({ query, headers }),
    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  );
});

test("a signed URL", () => {
  const query = [
    ["X-Amz-Algorithm", ALGORITHM],
    ["X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"],
    ["X-Amz-Date", TIMESTAMP],
    ["X-Amz-Expires", "86400"],
    ["X-Amz-SignedHeaders", "host"],
  ] as const;
  assert.equal(
    signatureOf({ path: "/test.txt", query, payloadHash: UNSIGNED_PAYLOAD }),
    "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
  );
});

test("a request is put in order before it is signed: parameters by name, then value, once encoded; headers by name", () => {
  const canonical = canonicalRequest({
    method: "GET",
    path: "/a b/c",
    query: [
      ["b", "2"],
      ["a", "z"],
      ["b", "1"],
      ["b", "1"],
      ["a!", ""],
      ["a", "é"],
    ],
    headers: [
      ["x-b", "  two   words\t here "],
      ["host", "h"],
      ["x-a", ""],
    ],
    payloadHash: "hash",
  });
  assert.deepEqual(canonical.split("\n"), [
    "GET",
    "/a%20b/c",
    "a=%C3%A9&a=z&a%21=&b=1&b=1&b=2",
    "host:h",
    "x-a:",
    "x-b:two words here",
    "",
    "host;x-a;x-b",
    "hash",
  ]);
});

test("two signatures are the same only where all of them is", () => {
  assert.ok(sameSignature("abc", "abc"));
  for (const other of ["abd", "ab", "abcd", ""]) assert.ok(!sameSignature("abc", other), other);
});

test("timestamps", () => {
  assert.equal(timestampOf(Date.parse("2013-05-24T00:00:00.123Z")), TIMESTAMP);
  assert.equal(parseTimestamp(TIMESTAMP), Date.parse("2013-05-24T00:00:00Z"));
  for (const wrong of [
    "",
    "20130524",
    "20131324T000000Z",
    "2013-05-24T00:00:00Z",
    `x${TIMESTAMP}`,
    `${TIMESTAMP}x`,
  ]) {
    assert.equal(parseTimestamp(wrong), undefined);
  }
});

test("derived keys are kept once they have signed: the thousand that were used last", () => {
  const contextOf = (date: string) => signingContext(SECRET, { date, region: "r" }, TIMESTAMP);
  const isKept = (date: string) => contextOf(date).key === contextOf(date).key;
  assert.equal(isKept("used"), false);
  keepKey(contextOf("used"));
  keepKey(contextOf("unused"));
  assert.equal(isKept("used"), true);
  for (let n = 0; n < 999; n++) keepKey(contextOf(String(n)));
  assert.equal(isKept("used"), true);
  assert.equal(isKept("unused"), false);
});
