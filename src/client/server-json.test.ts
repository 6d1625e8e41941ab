import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { download, getJson, sendJson } from "./server-json.ts";

async function answering(t: TestContext, status: number, body: string) {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    response.writeHead(status).end(body);
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  return { asked, baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("a document is asked for with the token, below the path of the endpoint", async (t) => {
  const { asked, baseUrl } = await answering(t, 200, '{"a":1}');
  assert.deepEqual(await getJson({ baseUrl: `${baseUrl}/t/secret`, token: "key" }, "/v2/x?i=b"), { a: 1 });
  assert.deepEqual(
    asked.map(({ url, headers }) => [url, headers.authorization]),
    [["/t/secret/v2/x?i=b", "Bearer key"]],
  );
});

test("an error of the server is thrown as it is; another answer names the server and its status", async (t) => {
  const error = { code: "PERMISSION_DENIED", message: "no", hint: "ask" };
  const refused = await answering(t, 403, JSON.stringify({ error }));
  await assert.rejects(getJson({ baseUrl: refused.baseUrl }, "/"), error);
  for (const [status, body] of [
    [404, "nothing is served at /"],
    [500, '{"error":{"code":"LATER","message":"of a newer version"}}'],
    [200, "<html>"],
    [502, "null"],
  ] as const) {
    const { baseUrl } = await answering(t, status, body);
    await assert.rejects(getJson({ baseUrl }, "/"), { code: "SERVER_UNREACHABLE" }, body);
  }
});

test("a token is not sent over plain HTTP to another machine", async () => {
  await assert.rejects(getJson({ baseUrl: "http://192.0.2.1", token: "key" }, "/"), {
    code: "CONFIG_INVALID",
  });
});

test("what is sent is JSON, and a link is opened without the token", async (t) => {
  const { asked, baseUrl } = await answering(t, 200, "{}");
  const connection = { baseUrl, token: "key" };
  assert.deepEqual(await sendJson(connection, "POST", "/v2/x", { a: 1 }), {});
  assert.deepEqual(await sendJson(connection, "DELETE", "/v2/x"), {});
  const answer = await download(connection, `${baseUrl}/boxkite/code?signature=s`);
  assert.equal(answer.statusCode, 200);
  answer.destroy();
  assert.deepEqual(
    asked.map(({ method, url, headers }) => [method, url, headers["content-type"], headers.authorization]),
    [
      ["POST", "/v2/x", "application/json", "Bearer key"],
      ["DELETE", "/v2/x", undefined, "Bearer key"],
      ["GET", "/boxkite/code?signature=s", undefined, undefined],
    ],
  );
  const gone = await answering(t, 404, "");
  await assert.rejects(download(connection, `${gone.baseUrl}/boxkite/code`), { code: "OBJECT_NOT_FOUND" });
});
