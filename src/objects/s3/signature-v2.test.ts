import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { parseRequest, withQueryHeaders } from "./s3-request.ts";
import { readClaimOfUrl, verifyVersion2 } from "./signature-v2.ts";

const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const SIGNED_AT_MS = 1_796_000_000_000;

function request(method: string, url: string, headers: Record<string, string> = {}) {
  return parseRequest({ method, url, headers } as unknown as IncomingMessage, "boxkite");
}

/** Undefined for a good signature, else the code of the error. */
function verify(method: string, url: string, headers: Record<string, string> = {}, now = SIGNED_AT_MS) {
  const asked = request(method, url, headers);
  try {
    verifyVersion2(asked, readClaimOfUrl(asked, now), SECRET);
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

/** Made by botocore 1.44.8, but for the first, which is the example in the documentation of S3. */
const KEY = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE";
const EXAMPLE = `/johnsmith/photos/puppy.jpg?${KEY}&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620`;
const GET = `/boxkite/a%20b/%C3%A9%2B%25%281%29~.txt?${KEY}&Signature=ziEEZQaz5I4n5UtwCbXAQDMUXY4%3D&Expires=1796000060`;
const OVERRIDES = `/boxkite/a?response-content-type=text%2Fcsv&response-content-disposition=attachment%3B%20filename%3D%22a%20b%2Bc.csv%22&${KEY}&Signature=o8oGcEXvv35ux%2BLCbn%2BuEaOOfSM%3D&Expires=1796000060`;
const PUT = `/boxkite/a?${KEY}&Signature=WzB%2Fm0VGzuY2I2jRjkQpnfpS2lE%3D&content-type=text%2Fcsv&x-amz-meta-b=x%20%20y&x-amz-meta-a=1&x-amz-tagging=k%3Dv%26l%3Dw&Expires=1796000060`;
const PART = `/boxkite/a?uploadId=u1&partNumber=3&${KEY}&Signature=S2VuQ26j9d4E9jJnHLurfnqcyS4%3D&Expires=1796000060`;
const UPLOADS = `/boxkite/a?uploads&${KEY}&Signature=Curf%2BcqXToIuCLYdR586%2Bb0eBvM%3D&Expires=1796000060`;
const LIST = `/boxkite?list-type=2&prefix=p%2F&encoding-type=url&${KEY}&Signature=u68syUqZ%2FSpBzlZcGHZajTb6ypY%3D&Expires=1796000060`;
const LOCATION = `/boxkite?location&${KEY}&Signature=SfcOSZN4vWJM%2B7jF627F6BoJF8I%3D&Expires=1796000060`;

test("a URL that a client signed by version 2 is good", () => {
  assert.equal(verify("GET", EXAMPLE, {}, 1_175_139_000_000), undefined);
  for (const url of [GET, OVERRIDES, LIST, LOCATION]) assert.equal(verify("GET", url), undefined, url);
  for (const url of [PUT, PART]) assert.equal(verify("PUT", url), undefined, url);
  assert.equal(verify("POST", UPLOADS), undefined);
  assert.equal(verify("PUT", PUT, { "content-type": "text/csv", "x-amz-meta-a": "1" }), undefined);
});

test("the bucket is signed also where it is in the name of the host", () => {
  const headers = { host: "boxkite.localhost:30080" };
  assert.equal(verify("GET", GET.replace("/boxkite/", "/"), headers), undefined);
  assert.equal(verify("GET", LOCATION.replace("/boxkite?", "/?"), headers), undefined);
  assert.equal(verify("GET", GET.replace("/boxkite/", "/"), { host: "localhost" }), "SignatureDoesNotMatch");
});

test("it is good for nothing else than what was signed", () => {
  const cases: readonly (readonly [method: string, url: string, headers?: Record<string, string>])[] = [
    ["PUT", GET],
    ["GET", GET.replace("/a%20b/", "/b/")],
    ["GET", GET.replace("=1796000060", "=1796000061")],
    ["GET", GET.replace("ziEE", "ziEF")],
    ["GET", `${GET}&tagging`],
    ["GET", `${GET}&response-content-type=text/html`],
    ["GET", OVERRIDES.replace("csv&", "html&")],
    ["PUT", PART.replace("partNumber=3", "partNumber=4")],
    ["PUT", PUT, { "content-type": "text/html" }],
    ["PUT", PUT, { "content-md5": "x" }],
    ["PUT", PUT, { "x-amz-meta-c": "slipped in" }],
    ["PUT", PUT, { "x-amz-meta-a": "2" }],
    ["PUT", PUT.replace("k%3Dv", "k%3Dw")],
  ];
  for (const [method, url, headers] of cases)
    assert.equal(verify(method, url, headers), "SignatureDoesNotMatch", `${method} ${url}`);
});

test("it ends at its time, which has to be a number", () => {
  assert.equal(verify("GET", GET, {}, SIGNED_AT_MS + 60_000), undefined);
  assert.equal(verify("GET", GET, {}, SIGNED_AT_MS + 60_001), "AccessDenied");
  assert.equal(verify("GET", GET.replace("=1796000060", "=never")), "AccessDenied");
  assert.equal(verify("GET", GET.replace("Expires", "Expire")), "AccessDenied");
});

test("headers that a URL has as parameters count as if they were sent", () => {
  const asked = withQueryHeaders(request("PUT", PUT, { "x-amz-meta-a": "sent" }));
  const names = ["content-type", "x-amz-meta-b", "x-amz-meta-a", "x-amz-tagging"];
  assert.deepEqual(
    names.map((name) => asked.header(name)),
    ["text/csv", "x  y", "sent", "k=v&l=w"],
  );
  assert.equal(asked.parameter("x-amz-tagging"), undefined);
});
