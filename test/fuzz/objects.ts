/** Random requests of every operation of S3: odd keys, headers, parameters, bodies and signatures. */
import { createHash } from "node:crypto";
import { presign, signHeaders, type PresignOptions } from "../../src/lib/sigv4-signer.ts";
import { sha256Hex } from "../../src/lib/sigv4.ts";
import type { Credentials } from "../../src/orchestrator/access-keys.ts";
import type { Random } from "../helpers/random.ts";
import type { RawRequest } from "./request.ts";
import { bytesOf, oddText as anyText } from "./values.ts";
import type { ServerName, World } from "./world.ts";

const BUCKET = "boxkite";
const METHODS = ["GET", "GET", "GET", "HEAD", "PUT", "PUT", "PUT", "POST", "POST", "DELETE"];
const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  uploads: [""],
  uploadId: ["x", ""],
  partNumber: ["1", "2", "0", "10001", "-1", "x"],
  delete: [""],
  location: [""],
  "list-type": ["2", "1", "x"],
  prefix: ["", "flytesnacks/", "fuzz/", "\0", "é", "../"],
  delimiter: ["/", "", "aa", "\0"],
  "encoding-type": ["url", "x"],
  "max-keys": ["0", "1", "1000", "-1", "99999999999", "x"],
  "max-uploads": ["0", "1", "x"],
  "continuation-token": ["x", "", "MQ=="],
  "start-after": ["a", "\0", "\uffff"],
  marker: ["a", "é"],
  "fetch-owner": ["true"],
  "key-marker": ["a"],
  "upload-id-marker": ["x"],
  tagging: [""],
  acl: [""],
  versionId: ["null", "x"],
  "response-content-type": ["text/html", "\r\nx: y", "é"],
  "response-content-disposition": ['attachment; filename="é"', "x"],
  "x-id": ["PutObject"],
  "write-once": ["", "1"],
  "max-buckets": ["1", "x"],
};
const DIGEST = createHash("md5").update("x").digest("base64");
const HEADERS: Readonly<Record<string, readonly string[]>> = {
  range: [
    "bytes=0-0",
    "bytes=-1",
    "bytes=5-",
    "bytes=9-1",
    "bytes=0-0,2-3",
    "bytes=99999999999999999999-",
    "x",
    "bytes=-0",
  ],
  "if-match": ['"x"', "*", "x"],
  "if-none-match": ["*", '"x"'],
  "if-modified-since": ["Thu, 01 Jan 1970 00:00:00 GMT", "x", "Fri, 31 Dec 9999 23:59:59 GMT"],
  "if-unmodified-since": ["Thu, 01 Jan 1970 00:00:00 GMT", "x"],
  "x-amz-copy-source": [
    "boxkite/fuzz/a",
    "/boxkite/fuzz/b",
    "x",
    "%ff",
    "boxkite/fuzz/a?versionId=1",
    "other/x",
  ],
  "x-amz-copy-source-range": ["bytes=0-0", "bytes=0-99999999", "x"],
  "x-amz-copy-source-if-match": ['"x"'],
  "x-amz-metadata-directive": ["COPY", "REPLACE", "x"],
  "x-amz-tagging-directive": ["REPLACE", "x"],
  "content-md5": [DIGEST, "x", "AAAA", "é"],
  "x-amz-checksum-crc32": ["AAAAAA==", "x"],
  "x-amz-checksum-sha256": ["x", `${"A".repeat(43)}=`],
  "x-amz-checksum-crc64nvme": ["AAAAAAAAAAA="],
  "x-amz-sdk-checksum-algorithm": ["CRC32", "SHA1", "x"],
  "x-amz-checksum-algorithm": ["CRC32C", "SHA256", "x"],
  "x-amz-checksum-type": ["FULL_OBJECT", "COMPOSITE", "x"],
  "x-amz-checksum-mode": ["ENABLED"],
  "x-amz-trailer": ["x-amz-checksum-crc32", "x"],
  "content-encoding": ["aws-chunked", "gzip", "aws-chunked,gzip"],
  "x-amz-decoded-content-length": ["0", "1", "5", "-1", "x", "99999999999"],
  "x-amz-meta-a": ["é", "x".repeat(3_000), "=?UTF-8?Q?=C3?="],
  "x-amz-tagging": ["a=b", "a=b&a=c", "%", "a".repeat(300)],
  "x-amz-server-side-encryption": ["AES256", "aws:kms"],
  "x-amz-mp-object-size": ["0", "5", "x"],
  "x-amz-acl": ["public-read"],
  "x-amz-storage-class": ["GLACIER"],
  "x-amz-object-lock-mode": ["GOVERNANCE"],
  "content-type": ["text/html", "multipart/form-data; boundary=x", "é"],
  "cache-control": ["no-store"],
  expires: ["x"],
  expect: ["100-continue", "x"],
  "content-length": ["0", "5", "x", "-1", "99999"],
  "transfer-encoding": ["chunked", "gzip"],
};
const PAYLOADS = [
  "UNSIGNED-PAYLOAD",
  "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
  "STREAMING-X",
  "x",
];

export function randomObjectRequest(world: World, random: Random): Omit<RawRequest, "sends" | "from"> {
  const server = random.pick(["open", "closed"] as const);
  const method = random.chance(0.03) ? random.pick(["PATCH", "OPTIONS", "x"]) : random.pick(METHODS);
  const key = keyFor(random);
  const upload = random.chance(0.3) && world.uploads.length > 0 ? random.pick(world.uploads) : undefined;
  const target = random.chance(0.15) ? "" : (upload?.key ?? key);
  const query = queryFor(method, random, upload?.id);
  const body = bodyFor(method, world, random);
  const signed = random.below(10);
  const keys = keysFor(server, world, random);
  const headers = headersFor(world, random);
  // More of the body may have been announced than comes: the answer stays away.
  const isStream = headers.some(([name]) => name === "content-length" || name === "transfer-encoding");
  const common = { server, version: random.pick([1, 1, 1, 2] as const), method, body, isStream };
  const path = `/${random.chance(0.97) ? BUCKET : oddText(random)}${target === "" && random.chance(0.5) ? "" : "/"}${target}`;
  const host = `127.0.0.1:${world.port[server]}`;
  const text = query.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join("&");
  const plain = `${encoded(path, "/")}${text === "" ? "" : `?${text}`}`;
  if (signed === 0) return { ...common, path: plain, headers };
  if (signed < 4) {
    const options: PresignOptions = {
      ...keys,
      method: method as PresignOptions["method"],
      origin: `http://${host}`,
      bucket: BUCKET,
      key: target,
      query: Object.fromEntries(query),
      expiresInSeconds: random.pick([60, 60, 0, -1, 604_800]),
      nowMs: signedAt(random),
    };
    const url = presign(options).slice(`http://${host}`.length);
    return { ...common, path: random.chance(0.1) ? url.slice(0, -random.below(40)) : url, headers };
  }
  const payloadHash = random.chance(0.6) ? sha256Hex(body) : random.pick(PAYLOADS);
  const sent = Object.fromEntries(headers);
  const { headers: made } = signHeaders(
    { method, path, query, host, headers: sent, payloadHash },
    { ...keys, nowMs: signedAt(random) },
  );
  const { host: _, ...rest } = made;
  return { ...common, path: plain, headers: Object.entries(rest) };
}

function signedAt(random: Random): number {
  return Date.now() + (random.chance(0.95) ? 0 : random.pick([-3_600_000, 3_600_000, -1e13]));
}

function keysFor(server: ServerName, world: World, random: Random): Credentials {
  const attempts = world.attempts[server];
  const [operator, ...others] = world.keys[server];
  const keys =
    operator !== undefined && random.chance(0.6) ? operator : random.pick([...others, ...attempts]);
  if (random.chance(0.9)) return keys;
  return random.chance(0.5)
    ? { ...keys, secretAccessKey: "wrong" }
    : { ...keys, accessKeyId: random.pick(["", "x", "attempt-00-eA", "user--", `${keys.accessKeyId}x`]) };
}

function keyFor(random: Random): string {
  const folder = random.pick([
    "fuzz/",
    "fuzz/",
    "flytesnacks/development/mine/",
    "flytesnacks/development/runs/held/a0/1/",
    "",
  ]);
  return folder + (random.chance(0.7) ? random.pick(["a", "b", "c", "deep/a/b/c"]) : oddText(random));
}

function queryFor(method: string, random: Random, uploadId: string | undefined): [string, string][] {
  const query: [string, string][] = [];
  if (uploadId !== undefined) {
    query.push(["uploadId", uploadId]);
    if (random.chance(0.6)) query.push(["partNumber", String(1 + random.below(3))]);
  }
  if (random.chance(0.5)) return query;
  if (method === "POST" && uploadId === undefined) query.push([random.pick(["uploads", "delete"]), ""]);
  if (random.chance(0.5)) return query;
  const [name, values] = random.pick(Object.entries(PARAMETERS));
  query.push([name, random.chance(0.8) ? random.pick(values) : oddText(random)]);
  if (random.chance(0.3)) {
    const [other, choices] = random.pick(Object.entries(PARAMETERS));
    query.push([other, random.pick(choices)]);
  }
  if (random.chance(0.03)) query.push([oddText(random), oddText(random)]);
  return query;
}

function headersFor(world: World, random: Random): [string, string][] {
  const headers: [string, string][] = [];
  for (let count = random.pick([0, 0, 0, 1, 1, 3]); count > 0; count--) {
    const [name, values] = random.pick(Object.entries(HEADERS));
    if (headers.some(([known]) => known === name)) continue;
    const isTag = name.includes("match") && world.etags.length > 0 && random.chance(0.5);
    headers.push([name, isTag ? random.pick(world.etags) : random.pick(values)]);
  }
  return headers;
}

function bodyFor(method: string, world: World, random: Random): Buffer {
  if (method === "GET" || method === "HEAD") return random.chance(0.05) ? bytesOf(random) : Buffer.alloc(0);
  switch (random.below(8)) {
    case 0:
      return Buffer.alloc(0);
    case 1:
      return Buffer.from(deletion(random));
    case 2:
      return Buffer.from(completion(world, random));
    case 3:
      return Buffer.from(chunked(random));
    case 4:
      return Buffer.alloc(random.pick([262_143, 262_144, 262_145, 1_000_000]), "x");
    default:
      return bytesOf(random, 300);
  }
}

function deletion(random: Random): string {
  const keys = Array.from({ length: random.pick([0, 1, 2, 5, 1_001]) }, () =>
    random.pick(["fuzz/a", "", "\u0001", "é", "x".repeat(1_100)]),
  );
  return broken(
    `<Delete>${keys.map((key) => `<Object><Key>${key}</Key></Object>`).join("")}<Quiet>x</Quiet></Delete>`,
    random,
  );
}

function completion(world: World, random: Random): string {
  const part = (number: string, etag: string) =>
    `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`;
  const etag = world.etags.length > 0 ? random.pick(world.etags) : "x";
  const parts = random.pick([
    part("1", etag),
    part("1", etag) + part("2", etag),
    part("2", etag) + part("1", etag),
    part("-1", etag),
    part("NaN", etag),
    part("1", "") + part("1", ""),
    "",
  ]);
  return broken(`<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`, random);
}

function broken(xml: string, random: Random): string {
  if (random.chance(0.7)) return xml;
  return random.pick([
    xml.slice(0, random.below(xml.length)),
    `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "${"b".repeat(50)}"><!ENTITY c "&a;&a;&a;">]>${xml.replace("</", "&c;</")}`,
    "<a>".repeat(5_000),
    xml.replaceAll("Key", "Key x='&lt;'"),
    `\ufeff${xml}`,
    xml.replace(">", "><![CDATA[ ]]><!-- -- -->"),
    "<Delete xmlns:a='b'><a:Object/></Delete>",
    "x",
  ]);
}

function chunked(random: Random): string {
  const size = random.pick([
    "5",
    "0",
    "-5",
    "x",
    "ffffffffffffffff",
    "5;chunk-signature=00",
    `5;chunk-signature=${"0".repeat(64)}`,
  ]);
  return random.pick([
    `${size}\r\nhello\r\n0\r\n\r\n`,
    `${size}\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n`,
    `${size}\r\nhel`,
    `${size}\nhello\n0\n\n`,
    "x".repeat(20_000),
  ]);
}

/** A lone surrogate has no encoding in a URL. */
const oddText = (random: Random): string => anyText(random).toWellFormed();

export function encoded(text: string, keep = ""): string {
  return Array.from(text, (each) => (keep.includes(each) ? each : encodeURIComponent(each))).join("");
}
