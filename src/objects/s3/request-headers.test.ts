/** Headers that clients and companies' templates add to every request: acted on where they hold, else refused by name. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test, type TestContext } from "node:test";
import { withRows } from "../../../test/helpers/object-kinds.ts";
import { BUCKET, filesOf, sendSigned, startS3Server, type Answer } from "../../../test/helpers/s3-server.ts";

type Headers = Readonly<Record<string, string>>;

async function subject(t: TestContext) {
  const server = await startS3Server(t);
  const ask = (method: string, path: string, headers: Headers = {}, body = "") =>
    sendSigned(server, { method, path: `/${BUCKET}/${path}`, headers, body });
  return {
    server,
    ask,
    put: (key: string, headers: Headers = {}) => ask("PUT", key, headers, "content"),
    copy: (to: string, from: string, headers: Headers = {}) =>
      ask("PUT", to, { "x-amz-copy-source": `${BUCKET}/${from}`, ...headers }),
    tags: async (key: string) =>
      /<TagSet>(.*)<\/TagSet>/u.exec(String((await ask("GET", `${key}?tagging`)).body))?.[1],
    upload: async (key: string, headers: Headers) => {
      const begun = await ask("POST", `${key}?uploads`, headers);
      const id = /<UploadId>(\w+)</u.exec(String(begun.body))?.[1] ?? "";
      const part = await ask("PUT", `${key}?partNumber=1&uploadId=${id}`, {}, "content");
      const listed = `<Part><PartNumber>1</PartNumber><ETag>${String(part.headers.etag)}</ETag></Part>`;
      const body = `<CompleteMultipartUpload>${listed}</CompleteMultipartUpload>`;
      return [begun, part, await ask("POST", `${key}?uploadId=${id}`, {}, body)] as const;
    },
  };
}

const tag = (name: string, value: string): string => `<Tag><Key>${name}</Key><Value>${value}</Value></Tag>`;

const refusal = ({ code, body }: Answer): string =>
  `${code}: ${/<Message>(.*)<\/Message>/u.exec(String(body))?.[1]}`;

test("the tags of an object are kept, counted and copied", async (t) => {
  const { ask, put, copy, tags, upload } = await subject(t);
  await put("a", { "x-amz-tagging": "team=data+science&empty=&k%C3%A9y=%26" });
  assert.equal(await tags("a"), tag("team", "data science") + tag("empty", "") + tag("kéy", "&#38;"));
  for (const method of ["GET", "HEAD"])
    assert.equal((await ask(method, "a")).headers["x-amz-tagging-count"], "3", method);
  await upload("big", { "x-amz-tagging": "a=b" });
  assert.equal(await tags("big"), tag("a", "b"));
  await copy("copy", "big");
  assert.equal(await tags("copy"), tag("a", "b"));
  await copy("other", "big", { "x-amz-tagging-directive": "REPLACE", "x-amz-tagging": "c=d" });
  assert.equal(await tags("other"), tag("c", "d"));
  await copy("other", "other", { "x-amz-tagging-directive": "REPLACE" });
  assert.equal(await tags("other"), "");
  await copy("renewed", "big", { "x-amz-metadata-directive": "REPLACE", "x-amz-meta-x": "y" });
  assert.equal(await tags("renewed"), tag("a", "b"));
  await put("a");
  assert.equal(await tags("a"), "");
  assert.equal((await ask("GET", "none?tagging")).code, "NoSuchKey");
  assert.equal((await ask("GET", "denied/a?tagging")).code, "AccessDenied");
});

test("tags that S3 would not take are refused", async (t) => {
  const { put, copy, ask } = await subject(t);
  const eleven = Array.from({ length: 11 }, (_, index) => `t${index}=v`).join("&");
  for (const tags of [eleven, "a=b&a=c", "=v", `${"k".repeat(129)}=v`, `k=${"v".repeat(257)}`])
    assert.equal((await put("a", { "x-amz-tagging": tags })).code, "InvalidTag", tags);
  assert.equal((await ask("GET", "a")).code, "NoSuchKey");
  await put("a");
  assert.match(
    refusal(await copy("b", "a", { "x-amz-tagging": "a=b" })),
    /^InvalidArgument: .*directive: REPLACE/u,
  );
  assert.equal((await copy("b", "a", { "x-amz-tagging-directive": "x" })).code, "InvalidArgument");
});

test("AES256 encrypts an object on the disk, and every answer about it says so", async (t) => {
  const { ask, put, copy, upload, server } = await subject(t);
  const name = "x-amz-server-side-encryption";
  const headers = { [name]: "AES256" };
  assert.equal((await put("a", headers)).headers[name], "AES256");
  for (const [method, range] of [
    ["GET", "bytes=2-4"],
    ["GET", ""],
    ["HEAD", ""],
  ] as const) {
    const answer = await ask(method, "a", range === "" ? {} : { range });
    assert.equal(answer.headers[name], "AES256", method);
    if (method === "GET") assert.equal(String(answer.body), range === "" ? "content" : "nte");
  }
  for (const answer of await upload("big", headers)) assert.equal(answer.headers[name], "AES256");
  assert.equal(String((await ask("GET", "big")).body), "content");
  assert.equal((await copy("copy", "big")).headers[name], "AES256");
  assert.equal((await put("plain")).headers[name], undefined);
  assert.equal((await copy("plain", "plain", headers)).headers[name], "AES256");
  const parts = await Promise.all((await filesOf(server)).map((file) => readFile(file)));
  const rows = withRows(server.directory, (database) =>
    database.prepare("SELECT content FROM objects").all(),
  );
  const stored = [...parts, ...rows.map(({ content }) => Buffer.from(content as Uint8Array))];
  assert.ok(parts.length > 0 && rows.length === 3);
  assert.ok(!stored.some((content) => content.includes("content")));
  assert.equal((await put("b", { [name]: "AES128" })).code, "InvalidArgument");
  assert.equal((await ask("GET", "a", headers)).code, "NotImplemented");
});

test("a header that asks for what is true in any case is taken", async (t) => {
  const { put } = await subject(t);
  const headers: readonly (readonly [name: string, value: string])[] = [
    ["x-amz-acl", "private"],
    ["x-amz-acl", "bucket-owner-full-control"],
    ["x-amz-storage-class", "STANDARD"],
    ["x-amz-request-payer", "requester"],
    ["x-amz-expected-bucket-owner", "boxkite"],
    ["x-amz-server-side-encryption-bucket-key-enabled", "false"],
    ["x-amz-tagging", ""],
  ];
  for (const [name, value] of headers) assert.equal((await put("a", { [name]: value })).status, 200, name);
});

test("a header that the URL of a signed request has as a parameter counts as if it were sent", async (t) => {
  const { server, tags } = await subject(t);
  const write = async (query: Headers): Promise<number> =>
    (await fetch(server.presign({ method: "PUT", key: "a", query }), { method: "PUT", body: "x" })).status;
  assert.equal(await write({ "x-amz-tagging": "a=b", "x-amz-acl": "private" }), 200);
  assert.equal(await tags("a"), tag("a", "b"));
  assert.equal(await write({ "x-amz-acl": "public-read" }), 501);
});

test("every other header is refused by its name, and nothing is stored", async (t) => {
  const { put, ask, server } = await subject(t);
  const headers: readonly (readonly [name: string, value: string])[] = [
    ["x-amz-acl", "public-read"],
    ["x-amz-grant-read", "id=a"],
    ["x-amz-storage-class", "GLACIER"],
    ["x-amz-request-payer", "somebody"],
    ["x-amz-object-lock-mode", "GOVERNANCE"],
    ["x-amz-object-lock-legal-hold", "ON"],
    ["x-amz-object-lock-retain-until-date", "2030-01-01T00:00:00Z"],
    ["x-amz-server-side-encryption", "aws:kms"],
    ["x-amz-server-side-encryption", "aws:kms:dsse"],
    ["x-amz-server-side-encryption-bucket-key-enabled", "true"],
    ["x-amz-server-side-encryption-aws-kms-key-id", "key"],
    ["x-amz-server-side-encryption-customer-algorithm", "AES256"],
    ["x-amz-website-redirect-location", "/b"],
    ["x-amz-checksum-sha512", "x"],
    ["x-amz-write-offset-bytes", "1"],
  ];
  for (const [name, value] of headers)
    assert.match(
      refusal(await put("a", { [name]: value })),
      new RegExp(`^NotImplemented: .*${name}`, "u"),
      name,
    );
  assert.match(
    refusal(await put("a", { "x-amz-expected-bucket-owner": "111122223333" })),
    /^AccessDenied: .*boxkite, not 111122223333 \(x-amz-expected-bucket-owner\)/u,
  );
  assert.match(
    refusal(await ask("GET", "a", { "x-amz-tagging": "a=b" })),
    /^NotImplemented: .*x-amz-tagging/u,
  );
  assert.equal(await server.store.head("a"), undefined);
});
