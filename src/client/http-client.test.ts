import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { createServer as createTcpServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { ConnectError, Code } from "@connectrpc/connect";
import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import { makeAuthority } from "../../test/helpers/private-authority.ts";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { createHttpClient } from "./http-client.ts";
import { MOST_CONNECTIONS } from "./most-connections.ts";

const UNARY = "application/proto";
const STREAM = "application/connect+proto";

async function serve(
  t: TestContext,
  listener: RequestListener,
): Promise<{ url: string; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer(listener).on("connection", (socket: Socket) => sockets.add(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/call`, sockets };
}

function post(
  client: UniversalClientFn,
  url: string,
  type: string,
  signal?: AbortSignal,
): ReturnType<UniversalClientFn> {
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("hello");
  }
  const header = new Headers({ "content-type": type });
  return client({ url, method: "POST", header, body: body(), ...(signal && { signal }) });
}

const read = async (answer: Promise<{ body: AsyncIterable<Uint8Array> }>): Promise<string> =>
  Buffer.concat(await Array.fromAsync((await answer).body)).toString();

test("a request is sent whole, with its length, over a connection that is kept", async (t) => {
  const lengths: (string | undefined)[] = [];
  const { url, sockets } = await serve(t, async (request, response) => {
    lengths.push(request.headers["content-length"]);
    response.setHeader("x-seen", await text(request)).end("answer");
  });
  const client = createHttpClient(false, {});
  for (let call = 0; call < 3; call++) {
    const { status, header, body } = await post(client, url, UNARY, new AbortController().signal);
    assert.deepEqual([status, header.get("x-seen")], [200, "hello"]);
    assert.equal(Buffer.concat(await Array.fromAsync(body)).toString(), "answer");
  }
  assert.deepEqual(lengths, ["5", "5", "5"]);
  assert.equal(sockets.size, 1);
});

test("many calls at once share connections, and streams that last hold up none", async (t) => {
  const { url, sockets } = await serve(t, (request, response) => {
    response.writeHead(200);
    if (request.headers["content-type"] === STREAM) response.write("begun");
    else response.end("answer");
  });
  const client = createHttpClient(false, {});
  const streams = await Promise.all(Array.from({ length: 70 }, () => post(client, url, STREAM)));
  assert.equal(streams.length, 70);
  const calls = Array.from({ length: 300 }, () => read(post(client, url, UNARY)));
  assert.deepEqual(new Set(await Promise.all(calls)), new Set(["answer"]));
  assert.ok(sockets.size <= 70 + 64, `${sockets.size} connections`);
});

test("an abort ends a call before its answer and within it; after it, the connection is kept", async (t) => {
  const { url, sockets } = await serve(t, (request, response) => {
    response.writeHead(200);
    if (request.headers["content-type"] === STREAM) response.write("begun");
    else response.end("answer");
  });
  const client = createHttpClient(false, {});
  const within = new AbortController();
  const { body } = await post(client, url, STREAM, within.signal);
  const reading = body[Symbol.asyncIterator]();
  assert.equal(Buffer.from((await reading.next()).value as Uint8Array).toString(), "begun");
  within.abort(new ConnectError("enough", Code.Canceled));
  await assert.rejects(reading.next(), /enough|aborted/u);
  const before = AbortSignal.abort(new ConnectError("enough", Code.Canceled));
  await assert.rejects(post(client, url, UNARY, before), { code: Code.Canceled });
  const after = new AbortController();
  const open = sockets.size;
  assert.equal(await read(post(client, url, UNARY, after.signal)), "answer");
  after.abort();
  assert.equal(await read(post(client, url, UNARY)), "answer");
  assert.equal(sockets.size, open + 1, "one connection for both calls");
});

test("an abort ends a call that waits for a connection", async (t) => {
  let arrived = 0;
  const all = Promise.withResolvers<void>();
  const { url } = await serve(t, () => {
    if (++arrived === MOST_CONNECTIONS) all.resolve();
  });
  const client = createHttpClient(false, {});
  const held = new AbortController();
  const unanswered = Array.from({ length: MOST_CONNECTIONS }, () => post(client, url, UNARY, held.signal));
  await all.promise;
  const waits = new AbortController();
  const call = post(client, url, UNARY, waits.signal);
  // Its content is read first.
  await new Promise((resolve) => setImmediate(resolve));
  waits.abort(new ConnectError("enough", Code.Canceled));
  await assert.rejects(call, { code: Code.Canceled });
  held.abort(new ConnectError("enough", Code.Canceled));
  await Promise.allSettled(unanswered);
  assert.equal(arrived, MOST_CONNECTIONS);
});

test("clients of one process share connections", async (t) => {
  const { url, sockets } = await serve(t, (_, response) => void response.end("answer"));
  for (let client = 0; client < 5; client++) {
    for (const type of [UNARY, STREAM])
      assert.equal(await read(post(createHttpClient(false, {}), url, type)), "answer");
  }
  assert.equal(sockets.size, 2, "one for calls and one for streams");
});

test("a connection that was verified for one client is not used by one that verifies otherwise", async (t) => {
  const folder = await temporaryDirectory(t);
  const { certificate, key } = await makeAuthority(join(folder, "authority"));
  const [cert, secret] = await Promise.all([readFile(certificate), readFile(key)]);
  const server = createSecureServer({ cert, key: secret }, (_, response) => void response.end("answer"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/call`;
  assert.equal(await read(post(createHttpClient(true, { rejectUnauthorized: false }), url, UNARY)), "answer");
  await assert.rejects(post(createHttpClient(true, {}), url, UNARY), /certificate/u);
});

test("a connection that is refused or cut is unavailable, with the system's error as the cause", async () => {
  const cutting = createTcpServer((socket) => socket.once("data", () => socket.resetAndDestroy()));
  cutting.listen(0, "127.0.0.1");
  await once(cutting, "listening");
  const url = `http://127.0.0.1:${(cutting.address() as AddressInfo).port}/call`;
  const client = createHttpClient(false, {});
  const failure = (code: string) => (error: ConnectError) => {
    assert.deepEqual([error.code, (error.cause as NodeJS.ErrnoException).code], [Code.Unavailable, code]);
    return true;
  };
  await assert.rejects(post(client, url, UNARY), failure("ECONNRESET"));
  cutting.close();
  await once(cutting, "close");
  await assert.rejects(post(client, url, UNARY), failure("ECONNREFUSED"));
});

test("an abort while an answer is there and was not read is no error of the process", async (t) => {
  const { url } = await serve(t, (_, response) => {
    response.write("begun");
    response.end();
  });
  const client = createHttpClient(false, {});
  const errors: unknown[] = [];
  const note = (error: unknown) => errors.push(error);
  process.on("uncaughtException", note);
  t.after(() => process.off("uncaughtException", note));
  for (let call = 0; call < 20; call++) {
    const stop = new AbortController();
    const { body } = await post(client, url, STREAM, stop.signal);
    await body[Symbol.asyncIterator]().next();
    for (let turn = 0; turn < call; turn++) await new Promise((resolve) => setImmediate(resolve));
    stop.abort(new Error("enough"));
  }
  assert.equal(await read(post(client, url, UNARY)), "begun");
  assert.deepEqual(errors, []);
});
