/** Uploads are written once and bound to their content, by the signed URLs that the server gives out. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Code, createClient, ConnectError } from "@connectrpc/connect";
import { parseObjectUri } from "../../src/objects/uri.ts";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { flipInRow, trailerOfRow } from "../helpers/object-kinds.ts";

const SCOPE = { project: "flytesnacks", domain: "development" };
const md5Of = (content: string) => new Uint8Array(createHash("md5").update(content).digest());
const base64Md5 = (content: string) => Buffer.from(md5Of(content)).toString("base64");

async function subject(t: TestContext) {
  const { transport, directory } = await startInProcess(t, createFakeExecutor());
  const data = createClient(DataProxyService, transport);
  const locate = (filename: string, more: { contentMd5?: Uint8Array; filenameRoot?: string } = {}) =>
    data.createUploadLocation({ ...SCOPE, filename, ...more });
  const put = async (url: string, body: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(url, { method: "PUT", body, headers });
    return [answer.status, /<Code>(\w+)</u.exec(await answer.text())?.[1]];
  };
  const objects = join(directory, "objects");
  const keyOf = (uri: string): string => parseObjectUri(uri)?.key ?? "";
  /** As the SDK does: with the headers that it was given. */
  const upload = async (content: string, filename = "code.tgz", filenameRoot = "") => {
    const at = await locate(filename, { contentMd5: md5Of(content), filenameRoot });
    return { uri: at.nativeUrl, answer: await put(at.signedUrl, content, at.headers) };
  };
  return { locate, put, upload, objects, keyOf };
}

test("a code bundle cannot be replaced, by any name that leads to it", async (t) => {
  const { locate, put, upload } = await subject(t);
  const { uri, answer } = await upload("good");
  assert.deepEqual(answer, [200, undefined]);
  // The folder of its MD5 as a name, with and without the MD5 of other content.
  const root = Buffer.from(md5Of("good")).toString("hex");
  for (const contentMd5 of [md5Of("evil"), new Uint8Array()]) {
    const at = await locate("code.tgz", { filenameRoot: root, contentMd5 });
    assert.notEqual(at.nativeUrl, uri);
    await put(at.signedUrl, "evil", at.headers);
  }
  // The same MD5, and other content.
  const at = await locate("code.tgz", { contentMd5: md5Of("good") });
  assert.equal(at.nativeUrl, uri);
  assert.deepEqual(await put(at.signedUrl, "evil", at.headers), [400, "BadDigest"]);
  const own = { "content-md5": base64Md5("evil") };
  assert.deepEqual(await put(at.signedUrl, "evil", own), [403, "SignatureDoesNotMatch"]);
  assert.deepEqual(await put(at.signedUrl, "evil"), [403, "SignatureDoesNotMatch"]);
  const replacing = at.signedUrl.replace(/boxkite-write-once=&?/u, "");
  assert.notEqual(replacing, at.signedUrl);
  assert.deepEqual(await put(replacing, "good", at.headers), [403, "SignatureDoesNotMatch"]);
  assert.deepEqual(
    (await upload("good")).answer,
    [200, undefined],
    "the same content, as the SDK sends it again",
  );
});

test("an upload to a named folder is written once", async (t) => {
  const { locate, put, upload, objects, keyOf } = await subject(t);
  const first = await upload("one", "part.txt", "0123456789abcdef0123456789abcdef");
  assert.match(first.uri, /\/uploads\/named\/0123456789abcdef0123456789abcdef\/part\.txt$/u);
  assert.deepEqual((await upload("one", "part.txt", "0123456789abcdef0123456789abcdef")).answer, [
    200,
    undefined,
  ]);
  const at = await locate("part.txt", {
    contentMd5: md5Of("two"),
    filenameRoot: "0123456789abcdef0123456789abcdef",
  });
  assert.deepEqual(await put(at.signedUrl, "two", at.headers), [412, "PreconditionFailed"]);
  // Many at once: one content wins, and the others are refused.
  const contents = Array.from({ length: 8 }, (_, index) => `content ${index}`);
  const answers = await Promise.all(
    contents.map(async (each) => (await upload(each, "race", "r")).answer[0]),
  );
  assert.deepEqual(
    answers.toSorted((a, b) => Number(a) - Number(b)),
    [200, ...Array.from({ length: 7 }, () => 412)],
  );
  // What the disk damaged is mended by the same content.
  flipInRow(objects, keyOf(first.uri), 0);
  assert.deepEqual((await upload("one", "part.txt", "0123456789abcdef0123456789abcdef")).answer, [
    200,
    undefined,
  ]);
});

test("attributes of an upload that is there are kept", async (t) => {
  const { locate, put, objects, keyOf } = await subject(t);
  const at = await locate("page", { contentMd5: md5Of("text") });
  await put(at.signedUrl, "text", { ...at.headers, "content-type": "text/plain" });
  const changing = { ...at.headers, "content-type": "text/html", "content-encoding": "gzip" };
  const answer = await fetch(at.signedUrl, { method: "PUT", body: "text", headers: changing });
  assert.equal(answer.status, 200);
  const stored = trailerOfRow(objects, keyOf(at.nativeUrl));
  assert.match(stored, /text\/plain/u);
  assert.doesNotMatch(stored, /text\/html|gzip/u);
  assert.equal(answer.headers.get("etag"), `"${Buffer.from(md5Of("text")).toString("hex")}"`);
});

test("an upload without an MD5 goes to a name of its own, and is written once", async (t) => {
  const { locate, put } = await subject(t);
  const [one, two] = [await locate("f", { filenameRoot: "r" }), await locate("f", { filenameRoot: "r" })];
  assert.notEqual(one.nativeUrl, two.nativeUrl);
  assert.deepEqual(await put(one.signedUrl, "x"), [200, undefined]);
  assert.deepEqual(await put(one.signedUrl, "x"), [200, undefined]);
  assert.deepEqual(await put(one.signedUrl, "y"), [412, "PreconditionFailed"]);
});

test("names that lead elsewhere are refused", async (t) => {
  const { locate } = await subject(t);
  const refused = async (call: Promise<unknown>) => {
    const error = await call.then(() => undefined, ConnectError.from);
    assert.equal(error?.code, Code.InvalidArgument);
    assert.ok(error.metadata.get("boxkite-error-hint"));
  };
  const contentMd5 = md5Of("x");
  for (const name of ["..", ".", "a/b", "../a", "/a", "a\\b", "a\nb", "a\0b", "\u0085"]) {
    await refused(locate(name, { contentMd5 }));
    await refused(locate("f", { contentMd5, filenameRoot: name }));
  }
  await refused(locate("f", { contentMd5: new Uint8Array(15) }));
  await refused(locate("", { contentMd5 }));
  for (const name of ["é ü.tgz", "a b+c#?&%2e%2e", "...", "x".repeat(200)])
    await locate(name, { contentMd5 });
});
