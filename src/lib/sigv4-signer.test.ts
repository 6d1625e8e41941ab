import assert from "node:assert/strict";
import { test } from "node:test";
import { presign, signHeaders, type RequestToSign } from "./sigv4-signer.ts";
import { sha256Hex } from "./sigv4.ts";

/** The examples of "Signature Calculations for the Authorization Header" in the S3 API reference. */
const SIGNER = {
  region: "us-east-1",
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  nowMs: Date.parse("2013-05-24T00:00:00Z"),
};

const signatureOf = (request: Partial<RequestToSign>): string | undefined => {
  const whole = {
    method: "GET",
    path: "/",
    host: "examplebucket.s3.amazonaws.com",
    payloadHash: sha256Hex(""),
    ...request,
  };
  const { headers, signature } = signHeaders(whole, SIGNER);
  assert.ok(headers["authorization"]?.endsWith(`Signature=${signature}`));
  return signature;
};

test("the published examples", () => {
  assert.equal(
    signatureOf({ path: "/test.txt", headers: { Range: "bytes=0-9" } }),
    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  );
  assert.equal(
    signatureOf({
      method: "PUT",
      path: "/test$file.text",
      headers: { Date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" },
      payloadHash: sha256Hex("Welcome to Amazon S3."),
    }),
    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  );
  const query = [
    ["max-keys", "2"],
    ["prefix", "J"],
  ] as const;
  assert.equal(signatureOf({ query }), "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
});

test("the token of a session is sent and signed", () => {
  const request = { method: "GET", path: "/", host: "h", payloadHash: sha256Hex("") };
  const { headers } = signHeaders(request, { ...SIGNER, sessionToken: "a token" });
  assert.equal(headers["x-amz-security-token"], "a token");
  assert.match(headers["authorization"] ?? "", /SignedHeaders=[^,]*;x-amz-security-token,/u);
});

test("a URL is signed with its parameters and headers, for seven days at most", () => {
  const url = new URL(
    presign({
      ...SIGNER,
      method: "PUT",
      origin: "http://127.0.0.1:9",
      bucket: "b",
      key: "a/../b c*",
      expiresInSeconds: 10 ** 9,
      headers: { "Content-Type": "text/plain" },
      query: { "response-expires": "0" },
    }).replace("/../", "/%2E%2E/"),
  );
  assert.equal(url.searchParams.get("X-Amz-Expires"), "604800");
  assert.equal(url.searchParams.get("X-Amz-SignedHeaders"), "content-type;host");
  assert.equal(url.searchParams.get("response-expires"), "0");
  assert.match(url.searchParams.get("X-Amz-Signature") ?? "", /^[0-9a-f]{64}$/u);
});
