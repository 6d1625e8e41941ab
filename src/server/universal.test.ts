import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import {
  connect as connectHttp2,
  constants,
  createServer as createHttp2Server,
  type ClientHttp2Session,
  type Http2ServerResponse,
} from "node:http2";
import { connect, type AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { createContextValues } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import { ORIGIN_HEADER } from "../services/origin.ts";
import { sendUniversal, universalRequest } from "./universal.ts";

/** Gives each call to `answer`, with its body unread. */
async function serve(
  t: TestContext,
  answer: (call: UniversalServerRequest, send: (content: string) => Promise<void>) => void,
): Promise<number> {
  const server = createServer((request, response) => {
    const call = universalRequest(request, response, request, createContextValues());
    answer(call, (content) => {
      const header = new Headers({ "content-length": String(content.length), "x-own": "1" });
      const body = (async function* () {
        yield Buffer.from(content);
      })();
      return sendUniversal({ status: 201, header, body }, response);
    });
  });
  t.after(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** Over HTTP/2 by one client, whose calls are given to `answer`. */
async function serveHttp2(
  t: TestContext,
  answer: (call: UniversalServerRequest, response: Http2ServerResponse) => void,
): Promise<ClientHttp2Session> {
  const server = createHttp2Server((request, response) =>
    answer(universalRequest(request, response, request, createContextValues()), response),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(() => {
    client.destroy();
    server.close();
  });
  return client;
}

test("a call has its path, and the headers that handlers read; its answer comes whole", async (t) => {
  const calls: UniversalServerRequest[] = [];
  const port = await serve(t, (call, send) => {
    calls.push(call);
    void send("done");
  });
  const headers = { "content-type": "application/proto", [ORIGIN_HEADER]: "http://here", "x-other": "1" };
  const answer = await fetch(`http://127.0.0.1:${port}/a.B/C?x=1`, { method: "POST", headers, body: "1" });
  assert.deepEqual([answer.status, await answer.text(), answer.headers.get("x-own")], [201, "done", "1"]);
  const [call] = calls;
  assert.ok(call);
  const { pathname, search } = new URL(call.url);
  assert.deepEqual([call.method, pathname, search], ["POST", "/a.B/C", "?x=1"]);
  assert.deepEqual(
    ["content-type", ORIGIN_HEADER, "x-other"].map((name) => call.header.get(name)),
    ["application/proto", "http://here", null],
  );
  assert.equal(call.signal.aborted, false);
});

test("a call is aborted when its client leaves without the answer", async (t) => {
  const arrived = Promise.withResolvers<UniversalServerRequest>();
  const port = await serve(t, (call) => arrived.resolve(call));
  const socket = connect(port, "127.0.0.1");
  socket.write("POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 1\r\n\r\n1");
  const { signal } = await arrived.promise;
  assert.equal(signal.aborted, false);
  const aborted = once(signal, "abort");
  socket.destroy();
  await aborted;
  assert.match(String(signal.reason), /the client went away/u);
});

/** Who calls is found out first, which takes a while. */
test("a call is aborted where its client has left before anybody knew who calls", async (t) => {
  const aborted = Promise.withResolvers<boolean>();
  const server = createServer((request, response) => {
    response.once("close", () => {
      const { signal } = universalRequest(request, response, request, createContextValues());
      aborted.resolve(signal.aborted);
    });
    socket.destroy();
  });
  t.after(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.write("GET /a.B/C HTTP/1.1\r\nhost: x\r\n\r\n");
  assert.equal(await aborted.promise, true);
});

for (const hasBegun of [false, true]) {
  const when = hasBegun ? "within its answer" : "before its answer";
  test(`a call over HTTP/2 is aborted when its client resets it ${when}`, async (t) => {
    const arrived = Promise.withResolvers<UniversalServerRequest>();
    const client = await serveHttp2(t, (call, response) => {
      if (hasBegun) response.write("begun");
      arrived.resolve(call);
    });
    const stream = client.request({ ":method": "POST", ":path": "/a.B/C" });
    stream.end("1");
    const { signal } = await arrived.promise;
    if (hasBegun) await once(stream, "data");
    assert.equal(signal.aborted, false);
    const aborted = once(signal, "abort");
    stream.close(constants.NGHTTP2_CANCEL);
    await aborted;
    assert.match(String(signal.reason), /the client went away/u);
  });
}

test("a call over HTTP/2 that was answered is not aborted, also where its client is gone then", async (t) => {
  const closed = Promise.withResolvers<UniversalServerRequest>();
  const client = await serveHttp2(t, (call, response) => {
    response.once("close", () => closed.resolve(call));
    response.end("done");
  });
  const stream = client.request({ ":method": "POST", ":path": "/a.B/C" });
  stream.end("1");
  assert.equal(await text(stream), "done");
  stream.close(constants.NGHTTP2_CANCEL);
  assert.equal((await closed.promise).signal.aborted, false);
});
