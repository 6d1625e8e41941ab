import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readlink } from "node:fs/promises";
import { connect } from "node:net";
import { mock, test } from "node:test";
import {
  BUCKET,
  filesOf,
  SECRET_KEY,
  send,
  sendSigned,
  signHeaders,
  startS3Server,
  type S3Server,
  type SignedRequest,
} from "../../../test/helpers/s3-server.ts";
import { asFile, asRow } from "../../../test/helpers/object-kinds.ts";
import { SMALL_OBJECTS_FILE } from "../small/small-objects.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { sha256Hex, sign, signingContext, stringToSign, timestampOf, EMPTY_SHA256 } from "../../lib/sigv4.ts";

const put = (
  server: S3Server,
  key: string,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
) => sendSigned(server, { method: "PUT", path: `/${BUCKET}/${key}`, body, headers });
const get = (server: S3Server, path: string, headers: Record<string, string> = {}, method = "GET") =>
  sendSigned(server, { method, path: `/${BUCKET}/${path}`, headers });

test("a request without a signature, or with a wrong one, is refused", async (t) => {
  const server = await startS3Server(t);
  const request = { method: "GET", path: `/${BUCKET}/a` } as const;
  const cases: [string, SignedRequest][] = [
    ["SignatureDoesNotMatch", { ...request, secretAccessKey: "wrong" }],
    ["InvalidAccessKeyId", { ...request, accessKeyId: "nobody" }],
    ["RequestTimeTooSkewed", { ...request, signedAt: server.clock.time - 16 * 60_000 }],
    ["RequestTimeTooSkewed", { ...request, signedAt: server.clock.time + 16 * 60_000 }],
    ["AccessDenied", { ...request, unsigned: { "x-amz-meta-a": "slipped in" } }],
    ["NoSuchKey", { ...request, signedAt: server.clock.time - 14 * 60_000 }],
  ];
  for (const [code, signed] of cases) assert.equal((await sendSigned(server, signed)).code, code);
  const anonymous = await send(server, request);
  assert.equal(anonymous.status, 403);
  assert.equal(anonymous.code, "AccessDenied");
  assert.equal(
    (await send(server, { ...request, headers: { authorization: "AWS a:b" } })).code,
    "InvalidRequest",
  );
  assert.equal(
    (await send(server, { ...request, headers: { authorization: "AWS4-HMAC-SHA256 x" } })).status,
    400,
  );
  const { headers } = signHeaders(server, request);
  assert.equal(
    (await send(server, { method: "DELETE", path: request.path, headers })).code,
    "SignatureDoesNotMatch",
  );
  assert.equal(
    (await send(server, { method: "GET", path: `/${BUCKET}/b`, headers })).code,
    "SignatureDoesNotMatch",
  );
});

test("a region that is set is the only one", async (t) => {
  const server = await startS3Server(t, { region: "eu-central-1" });
  const request = { method: "HEAD", path: `/${BUCKET}` };
  assert.equal((await sendSigned(server, { ...request, region: "eu-central-1" })).status, 200);
  assert.equal((await sendSigned(server, request)).status, 400);
});

test("a signed URL works until it expires, and for what it was signed for only", async (t) => {
  const server = await startS3Server(t);
  const key = "bundles/a b+c/é&?#.tar.gz";
  const url = server.presign({ method: "PUT", key });
  const md5 = createHash("md5").update("content").digest("base64");
  const stored = await fetch(url, { method: "PUT", body: "content", headers: { "content-md5": md5 } });
  assert.equal(stored.status, 200);
  assert.equal(String(await server.store.readAll(key)), "content");
  const query = { "response-content-disposition": 'attachment; filename="x y.gz"' };
  const download = await fetch(server.presign({ method: "GET", key, query }));
  assert.equal(await download.text(), "content");
  assert.equal(download.headers.get("content-disposition"), query["response-content-disposition"]);
  assert.equal((await fetch(url)).status, 403);
  assert.equal((await fetch(url.replace("bundles", "bundle"), { method: "PUT", body: "x" })).status, 403);
  assert.equal(
    (await fetch(url.replace("Expires=60", "Expires=600"), { method: "PUT", body: "x" })).status,
    403,
  );
  server.clock.time += 61_000;
  const late = await fetch(url, { method: "PUT", body: "late" });
  assert.equal(late.status, 403);
  assert.match(await late.text(), /Request has expired/);
  server.clock.time -= 61_000 + 16 * 60_000;
  assert.match(await (await fetch(url, { method: "PUT", body: "early" })).text(), /not valid yet/);
  assert.equal(String(await server.store.readAll(key)), "content");
});

test("a write that the server cannot store is reported with its key and the reason", async (t) => {
  const refused: string[] = [];
  const server = await startS3Server(t, { onUnstorable: (key, why) => void refused.push(`${why} ${key}`) });
  const statuses = [];
  for (const code of ["DISK_FULL", "DATA_DIRECTORY_UNUSABLE"] as const) {
    const fail = mock.method(server.store, "put", async () => {
      throw new BoxkiteError(code, "no");
    });
    statuses.push((await put(server, "large", "content")).status);
    fail.mock.restore();
  }
  assert.deepEqual(statuses, [507, 503]);
  assert.deepEqual(refused, ["DISK_FULL large", "DATA_DIRECTORY_UNUSABLE large"]);
});

test("an object that was written completely is reported; one that was refused is not", async (t) => {
  const written: string[] = [];
  const server = await startS3Server(t, { onWritten: (key) => void written.push(key) });
  await put(server, "whole", "content");
  assert.equal((await put(server, "whole", "other", { "if-none-match": "*" })).status, 412);
  const begun = await sendSigned(server, { method: "POST", path: `/${BUCKET}/big?uploads=` });
  const id = /<UploadId>(\w+)</u.exec(String(begun.body))?.[1] ?? "";
  const at = `/${BUCKET}/big?uploadId=${id}`;
  const part = await sendSigned(server, {
    method: "PUT",
    path: `/${BUCKET}/big?partNumber=1&uploadId=${id}`,
    body: "one",
  });
  assert.deepEqual(written, ["whole"]);
  const listed = `<Part><PartNumber>1</PartNumber><ETag>${String(part.headers.etag)}</ETag></Part>`;
  const body = `<CompleteMultipartUpload>${listed}</CompleteMultipartUpload>`;
  assert.equal((await sendSigned(server, { method: "POST", path: at, body })).status, 200);
  assert.deepEqual(written, ["whole", "big"]);
  assert.equal((await put(server, "copy", "", { "x-amz-copy-source": `${BUCKET}/whole` })).status, 200);
  assert.deepEqual(written, ["whole", "big", "copy"]);
});

test("a header that cannot be sent is refused, and the object is closed", async (t) => {
  const server = await startS3Server(t);
  await put(server, "a", asFile("content"));
  const query = { "response-content-disposition": "a\nb" };
  const refused = await fetch(server.presign({ method: "GET", key: "a", query }));
  assert.equal(refused.status, 400);
  assert.match(await refused.text(), /InvalidArgument.*response-content-disposition/u);
  assert.deepEqual(await openFilesBelow(server.directory), []);
});

test("a browser does not take an object for a page of the console", async (t) => {
  const server = await startS3Server(t);
  await put(server, "report.html", "<script>1</script>", { "content-type": "text/html" });
  const { headers } = await get(server, "report.html");
  assert.match(String(headers["content-security-policy"]), /^sandbox\b(?!.*allow-same-origin)/u);
  assert.equal(headers["x-content-type-options"], "nosniff");
});

test("headers that a URL was signed with have to come with it", async (t) => {
  const server = await startS3Server(t);
  const headers = {
    "Content-MD5": createHash("md5").update("content").digest("base64"),
    "x-amz-meta-run": "r1",
  };
  const url = server.presign({ method: "PUT", key: "a", headers });
  assert.equal((await fetch(url, { method: "PUT", body: "content" })).status, 403);
  assert.equal((await fetch(url, { method: "PUT", body: "content", headers })).status, 200);
  assert.deepEqual((await server.store.head("a"))?.metadata, { run: "r1" });
});

test("what a principal may not touch is denied, for every operation", async (t) => {
  const server = await startS3Server(t);
  await server.store.put("denied/a", Buffer.from("secret"));
  await put(server, "mine", "x");
  const denied: SignedRequest[] = [
    { method: "GET", path: `/${BUCKET}/denied/a` },
    { method: "HEAD", path: `/${BUCKET}/denied/a` },
    { method: "GET", path: `/${BUCKET}/denied/not-there` },
    { method: "PUT", path: `/${BUCKET}/denied/a`, body: "x" },
    { method: "DELETE", path: `/${BUCKET}/denied/a` },
    { method: "POST", path: `/${BUCKET}/denied/a?uploads=` },
    { method: "GET", path: `/${BUCKET}?list-type=2&prefix=denied/` },
    { method: "GET", path: `/${BUCKET}?prefix=denied/` },
    { method: "GET", path: `/${BUCKET}?uploads=&prefix=denied/` },
    { method: "PUT", path: `/${BUCKET}/copy`, headers: { "x-amz-copy-source": `/${BUCKET}/denied/a` } },
    { method: "PUT", path: `/${BUCKET}/denied/b`, headers: { "x-amz-copy-source": `/${BUCKET}/mine` } },
  ];
  for (const request of denied) {
    const answer = await sendSigned(server, request);
    assert.equal(answer.status, 403, `${request.method} ${request.path}`);
    if (request.method !== "HEAD") assert.equal(answer.code, "AccessDenied");
  }
  const body = "<Delete><Object><Key>denied/a</Key></Object><Object><Key>mine</Key></Object></Delete>";
  const answer = await sendSigned(server, { method: "POST", path: `/${BUCKET}?delete=`, body });
  assert.match(String(answer.body), /<Deleted><Key>mine<\/Key><\/Deleted>/);
  assert.match(String(answer.body), /<Error><Key>denied\/a<\/Key><Code>AccessDenied<\/Code>/);
  assert.equal(String(await server.store.readAll("denied/a")), "secret");
});

test("a path does not lead out of the store, nor around what is denied", async (t) => {
  const server = await startS3Server(t);
  await server.store.put("denied/a", Buffer.from("secret"));
  for (const key of [
    "../../etc/passwd",
    "..%2F..%2Fetc%2Fshadow",
    "mine/../denied/a",
    "./denied/a",
    "/denied/a",
    "%2e%2e/x",
  ]) {
    assert.equal((await get(server, key)).code, "NoSuchKey", key);
    for (const content of [asRow("x"), asFile("y")]) {
      assert.equal((await put(server, key, content)).status, 200, key);
      assert.deepEqual((await get(server, key)).body, content, key);
    }
  }
  for (const file of await filesOf(server)) assert.match(file, /\/objects\/[^.]/);
  assert.equal(String(await server.store.readAll("denied/a")), "secret");
  assert.equal((await get(server, "a%00b")).code, "InvalidArgument");
  assert.equal((await get(server, "x".repeat(1025))).code, "KeyTooLongError");
  assert.equal((await send(server, { method: "GET", path: `/${BUCKET}/%ff` })).code, "InvalidURI");
});

test("ranges", async (t) => {
  const server = await startS3Server(t);
  await put(server, "digits", "0123456789");
  await put(server, "empty", "");
  const cases: [string, number, string, string?][] = [
    ["bytes=2-4", 206, "234", "bytes 2-4/10"],
    ["bytes=7-", 206, "789", "bytes 7-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=-30", 206, "0123456789", "bytes 0-9/10"],
    ["bytes=9-99", 206, "9", "bytes 9-9/10"],
    ["bytes=4-2", 200, "0123456789"],
    ["bytes=0-1,3-4", 200, "0123456789"],
    ["lines=1-2", 200, "0123456789"],
  ];
  for (const [range, status, content, contentRange] of cases) {
    const answer = await get(server, "digits", { range });
    assert.deepEqual(
      [answer.status, String(answer.body), answer.headers["content-range"]],
      [status, content, contentRange],
      range,
    );
    const head = await get(server, "digits", { range }, "HEAD");
    assert.deepEqual([head.status, head.headers["content-length"]], [status, String(content.length)]);
  }
  for (const range of ["bytes=10-", "bytes=-0"]) {
    const answer = await get(server, "digits", { range });
    assert.deepEqual([answer.status, answer.code], [416, "InvalidRange"], range);
  }
  assert.equal((await get(server, "empty", { range: "bytes=0-" })).status, 416);
  assert.equal((await get(server, "empty")).status, 200);
});

test("conditions on reading", async (t) => {
  const server = await startS3Server(t);
  server.clock.time = Date.parse("2026-01-02T03:04:05.678Z");
  const etag = String((await put(server, "a", "hello")).headers.etag);
  const before = "Fri, 02 Jan 2026 03:04:04 GMT";
  const same = "Fri, 02 Jan 2026 03:04:05 GMT";
  const cases: [Record<string, string>, number][] = [
    [{ "if-match": etag }, 200],
    [{ "if-match": "*" }, 200],
    [{ "if-match": '"x"' }, 412],
    [{ "if-match": `"x", ${etag}`, "if-unmodified-since": before }, 200],
    [{ "if-none-match": etag }, 304],
    [{ "if-none-match": etag.replaceAll('"', "") }, 304],
    [{ "if-none-match": '"x"', "if-modified-since": same }, 200],
    [{ "if-modified-since": same }, 304],
    [{ "if-modified-since": before }, 200],
    [{ "if-unmodified-since": same }, 200],
    [{ "if-unmodified-since": before }, 412],
    [{ "if-range": etag, range: "bytes=0-0" }, 206],
    [{ "if-range": '"x"', range: "bytes=0-0" }, 200],
  ];
  for (const [headers, status] of cases) {
    for (const method of ["GET", "HEAD"]) {
      assert.equal((await get(server, "a", headers, method)).status, status, JSON.stringify(headers));
    }
  }
  const { headers } = await get(server, "a");
  assert.deepEqual([headers["last-modified"], headers["content-type"]], [same, "binary/octet-stream"]);
});

test("conditions on writing", async (t) => {
  const server = await startS3Server(t);
  assert.equal((await put(server, "a", "1", { "if-match": '"x"' })).code, "NoSuchKey");
  const first = await put(server, "a", "1", { "if-none-match": "*" });
  assert.equal(first.status, 200);
  assert.equal((await put(server, "a", "2", { "if-none-match": "*" })).code, "PreconditionFailed");
  assert.equal((await put(server, "a", "2", { "if-match": '"x"' })).code, "PreconditionFailed");
  assert.equal((await put(server, "a", "2", { "if-match": String(first.headers.etag) })).status, 200);
  assert.equal(String((await get(server, "a")).body), "2");
});

test("attributes are kept, and replaced by a copy if it says so", async (t) => {
  const server = await startS3Server(t);
  const kept = {
    "content-type": "text/plain",
    "cache-control": "no-cache",
    "content-encoding": "gzip",
    "x-amz-meta-colour": "red",
  };
  await put(server, "a", "x", kept);
  const source = { "x-amz-copy-source": `${BUCKET}/a` };
  await put(server, "copy", "", source);
  await put(server, "replaced", "", {
    ...source,
    "x-amz-metadata-directive": "REPLACE",
    "x-amz-meta-colour": "blue",
  });
  for (const key of ["a", "copy"]) {
    const { headers, body } = await get(server, key);
    assert.equal(String(body), "x");
    for (const [name, value] of Object.entries(kept)) assert.equal(headers[name], value);
  }
  const { headers } = await get(server, "replaced");
  assert.deepEqual([headers["x-amz-meta-colour"], headers["cache-control"]], ["blue", undefined]);
  assert.equal((await put(server, "a", "", source)).code, "InvalidRequest");
  const stale = { ...source, "x-amz-copy-source-if-match": '"x"' };
  assert.equal((await put(server, "b", "", stale)).code, "PreconditionFailed");
  assert.equal((await put(server, "b", "", { "x-amz-copy-source": `${BUCKET}/none` })).code, "NoSuchKey");
});

test("a body that is not what was announced is not stored", async (t) => {
  const server = await startS3Server(t);
  const path = `/${BUCKET}/a`;
  const cases: [string, SignedRequest][] = [
    ["XAmzContentSHA256Mismatch", { method: "PUT", path, body: "x", payloadHash: sha256Hex("y") }],
    [
      "BadDigest",
      { method: "PUT", path, body: "x", headers: { "content-md5": createHash("md5").digest("base64") } },
    ],
    ["InvalidDigest", { method: "PUT", path, body: "x", headers: { "content-md5": "x" } }],
    ["BadDigest", { method: "PUT", path, body: "x", headers: { "x-amz-checksum-crc32": "AAAAAA==" } }],
    [
      "BadDigest",
      { method: "PUT", path, body: "x", headers: { "x-amz-checksum-crc64nvme": "AAAAAAAAAAA=" } },
    ],
    ["InvalidArgument", { method: "PUT", path, body: "x", payloadHash: "nonsense" }],
    [
      "EntityTooLarge",
      {
        method: "PUT",
        path,
        body: "0\r\n\r\n",
        payloadHash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        headers: { "x-amz-decoded-content-length": String(6 * 1024 ** 3) },
      },
    ],
    ["NotImplemented", { method: "PUT", path, body: "x", headers: { "x-amz-acl": "public-read" } }],
    [
      "NotImplemented",
      { method: "PUT", path, body: "x", payloadHash: "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD" },
    ],
    ["MetadataTooLarge", { method: "PUT", path, body: "x", headers: { "x-amz-meta-a": "x".repeat(2048) } }],
  ];
  for (const [code, request] of cases) {
    assert.equal((await sendSigned(server, request)).code, code);
  }
  assert.deepEqual(await filesOf(server), []);
  assert.deepEqual(await server.store.list({ prefix: "", limit: 1 }), []);
});

test("signed chunks are checked one by one", async (t) => {
  const server = await startS3Server(t);
  const chunked = (
    key: string,
    content: string,
    sent = content,
  ): SignedRequest & { headers: Record<string, string> } => {
    const request = {
      method: "PUT",
      path: `/${BUCKET}/${key}`,
      payloadHash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
      headers: {
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": String(content.length),
      },
    };
    const { headers, signature } = signHeaders(server, request);
    const timestamp = timestampOf(server.clock.time);
    const context = signingContext(
      SECRET_KEY,
      { date: timestamp.slice(0, 8), region: "us-east-1" },
      timestamp,
    );
    const chunkSignature = (previous: string, data: string): string =>
      sign(
        context,
        stringToSign(context, "AWS4-HMAC-SHA256-PAYLOAD", [previous, EMPTY_SHA256, sha256Hex(data)]),
      );
    const first = chunkSignature(signature, content);
    const size = content.length.toString(16);
    const last = chunkSignature(first, "");
    const body = `${size};chunk-signature=${first}\r\n${sent}\r\n0;chunk-signature=${last}\r\n\r\n`;
    return { ...request, headers, body };
  };
  assert.equal((await send(server, chunked("a", "hello"))).status, 200);
  assert.equal((await send(server, chunked("b", "hello", "jello"))).code, "SignatureDoesNotMatch");
  assert.equal(String(await server.store.readAll("a")), "hello");
  assert.equal((await server.store.head("a"))?.headers, undefined);
  assert.equal(await server.store.head("b"), undefined);
});

test("a client that dies in the middle of its upload leaves nothing", async (t) => {
  const server = await startS3Server(t);
  const path = `/${BUCKET}/a`;
  const { headers } = signHeaders(server, { method: "PUT", path, payloadHash: "UNSIGNED-PAYLOAD" });
  const lines = Object.entries({ ...headers, "content-length": "5000000" }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const socket = connect(server.port, "127.0.0.1");
  await new Promise<void>((resolve) => {
    socket.write(`PUT ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    socket.write(Buffer.alloc(3_000_000), () => resolve());
  });
  socket.destroy();
  await server.logged("object client went away");
  assert.deepEqual(await filesOf(server), []);
  assert.deepEqual(await server.store.list({ prefix: "", limit: 1 }), []);
});

test("an early refusal reaches a client that goes on sending, and its connection stays", async (t) => {
  const server = await startS3Server(t);
  const body = Buffer.alloc(20_000_000);
  const url = server.presign({ method: "PUT", key: "denied/a" });
  for (let attempt = 0; attempt < 2; attempt++) {
    const answer = await fetch(url, { method: "PUT", body });
    assert.equal(answer.status, 403);
    assert.match(await answer.text(), /AccessDenied/);
  }
});

test("what is not implemented says what it is", async (t) => {
  const server = await startS3Server(t);
  const cases: [string, string, RegExp][] = [
    ["GET", `/${BUCKET}?versioning=`, /GetBucketVersioning is not/],
    ["PUT", `/${BUCKET}?policy=`, /PutBucketPolicy is not/],
    ["GET", `/${BUCKET}/a?acl=`, /GetObjectAcl is not/],
    ["PUT", `/${BUCKET}/a?tagging=`, /PutObjectTagging is not/],
    ["GET", `/${BUCKET}/a?partNumber=1`, /GetObject with the parameter partNumber is not/],
    ["DELETE", `/${BUCKET}`, /DeleteBucket is not/],
    ["GET", `/${BUCKET}?list-type=2&surprise=1`, /ListObjectsV2 with the parameter surprise is not/],
    ["GET", `/${BUCKET}?versions=`, /ListObjectVersions is not/],
    ["GET", `/${BUCKET}?object-lock=`, /GetObjectLockConfiguration is not/],
    ["GET", `/${BUCKET}/a?uploadId=1`, /ListParts is not/],
    ["POST", `/${BUCKET}/a?restore=`, /RestoreObject is not/],
    ["PUT", "/another", /CreateBucket is not/],
    ["POST", "/", /POST of the service is not/],
  ];
  for (const [method, path, message] of cases) {
    const answer = await sendSigned(server, { method, path });
    assert.deepEqual([answer.status, answer.code], [501, "NotImplemented"], path);
    assert.match(String(answer.body), message);
  }
  const form = { "content-type": "multipart/form-data; boundary=x" };
  const posted = await send(server, { method: "POST", path: `/${BUCKET}`, headers: form, body: "--x--" });
  assert.deepEqual([posted.status, posted.code], [501, "NotImplemented"]);
  for (const [method, path] of [
    ["GET", "/other"],
    ["GET", "/other/a"],
    ["PUT", "/other/a"],
    ["GET", "/other?location="],
    ["DELETE", "/other"],
  ] as const)
    assert.equal((await sendSigned(server, { method, path })).code, "NoSuchBucket", `${method} ${path}`);
  const head = await sendSigned(server, { method: "HEAD", path: "/other" });
  assert.deepEqual([head.status, head.body.length], [404, 0]);
  assert.equal(
    (await sendSigned(server, { method: "PUT", path: `/${BUCKET}` })).code,
    "BucketAlreadyOwnedByYou",
  );
});

test("the bucket may be in the name of the host", async (t) => {
  const server = await startS3Server(t);
  const host = `${BUCKET}.localhost`;
  const ask = (method: string, path: string, body = "") =>
    sendSigned(server, { method, path, host, ...(body !== "" && { body }) });
  assert.equal((await ask("PUT", "/a/b%20c", "content")).status, 200);
  assert.equal(String((await ask("GET", "/a/b%20c")).body), "content");
  assert.match(String((await ask("GET", "/?list-type=2")).body), /<Key>a\/b c<\/Key>/u);
  assert.equal(String((await ask("GET", `/${BUCKET}/a/b%20c`)).body), "content");
  assert.equal((await ask("HEAD", "/")).status, 200);
  assert.equal((await ask("GET", "//a/b%20c")).code, "NoSuchKey");
});

test("the one bucket is listed where it fits what was asked for", async (t) => {
  const server = await startS3Server(t);
  const list = async (query: string) => sendSigned(server, { method: "GET", path: `/${query}` });
  const listed = /<Buckets><Bucket><Name>boxkite<\/Name><CreationDate>\d{4}-[\dT:.-]+Z<\/CreationDate>/u;
  for (const query of ["", "?x-id=ListBuckets", "?prefix=box&max-buckets=1", "?bucket-region=us-east-1"])
    assert.match(String((await list(query)).body), listed, query);
  for (const query of ["?prefix=other", "?bucket-region=eu-central-1"])
    assert.match(String((await list(query)).body), /<Buckets><\/Buckets>/u, query);
  assert.equal((await list("?continuation-token=x")).code, "InvalidArgument");
  assert.equal((await send(server, { method: "GET", path: "/" })).code, "AccessDenied");
});

test("keys that XML cannot hold come encoded, and odd tokens are refused", async (t) => {
  const server = await startS3Server(t);
  await server.store.put("a <&> \u0001/b c+d", Buffer.from("x"));
  const encoded = await get(server, "?list-type=2&encoding-type=url");
  assert.match(String(encoded.body), /<Key>a%20%3C%26%3E%20%01\/b%20c%2Bd<\/Key>/);
  assert.equal((await get(server, "?list-type=2&continuation-token=zzz")).code, "InvalidArgument");
  assert.equal((await get(server, "?list-type=2&max-keys=x")).code, "InvalidArgument");
  const none = await get(server, "?list-type=2&max-keys=0");
  assert.match(String(none.body), /<IsTruncated>false<\/IsTruncated>/);
});

test("uploads in parts refuse what does not fit together", async (t) => {
  const server = await startS3Server(t);
  const begun = await sendSigned(server, { method: "POST", path: `/${BUCKET}/big?uploads=` });
  const id = /<UploadId>(\w+)</.exec(String(begun.body))?.[1] ?? "";
  const part = async (number: number, body: string): Promise<string> => {
    const path = `/${BUCKET}/big?partNumber=${number}&uploadId=${id}`;
    return String((await sendSigned(server, { method: "PUT", path, body })).headers.etag);
  };
  const complete = (parts: [number, string][], headers: Record<string, string> = {}) => {
    const listed = parts.map(
      ([number, etag]) => `<Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part>`,
    );
    const body = `<CompleteMultipartUpload>${listed.join("")}</CompleteMultipartUpload>`;
    return sendSigned(server, { method: "POST", path: `/${BUCKET}/big?uploadId=${id}`, body, headers });
  };
  const [one, two] = [await part(1, "one"), await part(2, "two")];
  assert.equal(
    (
      await complete([
        [1, one],
        [2, two],
      ])
    ).code,
    "EntityTooSmall",
  );
  assert.equal(
    (
      await complete([
        [2, two],
        [1, one],
      ])
    ).code,
    "InvalidPartOrder",
  );
  assert.equal((await complete([[1, two]])).code, "InvalidPart");
  assert.equal((await complete([[3, one]])).code, "InvalidPart");
  assert.equal((await complete([])).code, "MalformedXML");
  assert.equal((await complete([[2, two]], { "x-amz-mp-object-size": "99" })).code, "InvalidRequest");
  await server.store.put("big", Buffer.from("in the way"));
  assert.equal((await complete([[2, two]], { "if-none-match": "*" })).code, "PreconditionFailed");
  assert.equal((await complete([[2, two]])).status, 200);
  assert.equal((await complete([[2, two]])).status, 200);
  assert.equal(String((await get(server, "big")).body), "two");
  assert.equal((await get(server, `big?uploadId=${id}`)).code, "NotImplemented");
  const abort = (upload: string) =>
    sendSigned(server, { method: "DELETE", path: `/${BUCKET}/big?uploadId=${upload}` });
  assert.equal((await abort(id)).code, "NoSuchUpload");
  assert.equal((await abort("../../x")).code, "NoSuchUpload");
});

test("a hostile body is refused as malformed, quickly", { timeout: 20_000 }, async (t) => {
  const server = await startS3Server(t);
  await put(server, "a", "x");
  const laughs = Array.from({ length: 9 }, (_, n) => `<!ENTITY l${n + 1} "${`&l${n};`.repeat(10)}">`);
  const keyed = (key: string) => `<Delete><Object><Key>${key}</Key></Object></Delete>`;
  const bodies: (string | Uint8Array)[] = [
    `<!DOCTYPE Delete [<!ENTITY l0 "a">${laughs.join("")}]>${keyed("&l9;")}`,
    `<!DOCTYPE Delete [<!ENTITY x SYSTEM "file:///etc/passwd">]>${keyed("&x;")}`,
    "<Delete>".repeat(100_000),
    keyed("<a>".repeat(50) + "</a>".repeat(50)),
    keyed("x".repeat(10 * 1024 * 1024)),
    Buffer.concat([
      Buffer.from("<Delete><Object><Key>"),
      Buffer.of(0xff),
      Buffer.from("</Key></Object></Delete>"),
    ]),
    `<Delete>${"<Object/>".repeat(150_000)}</Delete>`,
  ];
  for (const body of bodies) {
    const answer = await sendSigned(server, { method: "POST", path: `/${BUCKET}?delete`, body });
    assert.deepEqual([answer.status, answer.code], [400, "MalformedXML"], String(body).slice(0, 40));
  }
  const whole = await sendSigned(server, { method: "POST", path: `/${BUCKET}?delete`, body: keyed("a&#1;") });
  assert.equal(whole.status, 200);
  assert.equal((await get(server, "a")).status, 200, "another key");
});

/** Linux only; elsewhere there is nothing to see. */
async function openFilesBelow(directory: string): Promise<string[]> {
  const names = await readdir("/proc/self/fd").catch(() => []);
  const files = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => "")));
  return files.filter((file) => file.startsWith(directory) && !file.includes(SMALL_OBJECTS_FILE));
}
