import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256Hex, signRequest } from "./sigv4.ts";

/** The examples of "Signature Calculations for the Authorization Header" in the S3 API reference. */
const SETTINGS = {
  endpoint: new URL("https://examplebucket.s3.amazonaws.com"),
  region: "us-east-1",
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  sessionToken: undefined,
};
const NOW = new Date("2013-05-24T00:00:00Z");

const signatureOf = (headers: Record<string, string>): string | undefined =>
  headers["authorization"]?.split("Signature=")[1];

test("the published examples", () => {
  const get = signRequest(
    {
      method: "GET",
      url: new URL("https://examplebucket.s3.amazonaws.com/test.txt"),
      headers: { Range: "bytes=0-9" },
      payloadHash: sha256Hex(""),
    },
    SETTINGS,
    NOW,
  );
  assert.equal(signatureOf(get), "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  const put = signRequest(
    {
      method: "PUT",
      url: new URL("https://examplebucket.s3.amazonaws.com/test%24file.text"),
      headers: { Date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
      payloadHash: sha256Hex("Welcome to Amazon S3."),
    },
    SETTINGS,
    NOW,
  );
  assert.equal(signatureOf(put), "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  const list = signRequest(
    {
      method: "GET",
      url: new URL("https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J"),
      headers: {},
      payloadHash: sha256Hex(""),
    },
    SETTINGS,
    NOW,
  );
  assert.equal(signatureOf(list), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
});
