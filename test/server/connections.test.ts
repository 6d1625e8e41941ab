/** Connections that never become a request, or stop in the middle of one, against limits of a few milliseconds. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect as connectHttp2, type ClientHttp2Session } from "node:http2";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import type { ConnectionLimits } from "../../src/server/connection-limits.ts";
import { listen, type Handler } from "../../src/server/listener.ts";

const GET = "GET / HTTP/1.1\r\nhost: localhost\r\n";
const POST = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n";
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SHORT = { firstBytesMs: 30, headersMs: 30, bodyIdleMs: 30, idleMs: 30 };

const answerOk: Handler = (_request, response) => void response.end("ok");

async function start(t: TestContext, limits: Partial<ConnectionLimits>, handler = answerOk): Promise<number> {
  const reach = { listenAt: "127.0.0.1", accepts: () => true };
  const listener = await listen({ port: 0, reach, handler, limits });
  t.after(() => listener.close());
  return listener.port;
}

/** What is answered to these bytes before the server closes the connection. */
async function untilClosed(port: number, ...parts: readonly string[]): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  for (const part of parts) await written(socket, part);
  await once(socket, "close");
  return Buffer.concat(chunks).toString("latin1");
}

function openHttp2(t: TestContext, port: number): ClientHttp2Session {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  // The server may end first.
  session.on("error", () => {});
  t.after(() => session.destroy());
  return session;
}

/** Resolves once the part is sent as a packet of its own. */
const written = (socket: Socket, part: string): Promise<void> =>
  new Promise((resolve) => socket.write(part, () => setImmediate(resolve)));

test("a connection that says nothing, or not enough, is closed", async (t) => {
  const port = await start(t, SHORT);
  assert.equal(await untilClosed(port), "");
  assert.equal(await untilClosed(port, "PR"), "");
});

test("headers that do not end are answered 408, also of a second request", async (t) => {
  const port = await start(t, { ...SHORT, idleMs: 60_000 });
  assert.match(await untilClosed(port, GET), /^HTTP\/1\.1 408 /u);
  assert.match(await untilClosed(port, `${GET}\r\n${GET}`), /^HTTP\/1\.1 200 .*HTTP\/1\.1 408 /su);
});

test("a body that stays away is not waited for", async (t) => {
  const handler: Handler = (request, response) => {
    request.resume();
    request.once("end", () => response.end("ok"));
  };
  const port = await start(t, { ...SHORT, headersMs: 60_000, idleMs: 60_000 }, handler);
  assert.equal(await untilClosed(port, POST, "12345"), "");
  const session = openHttp2(t, port);
  const stream = session.request({ ":method": "POST" });
  stream.write("12345");
  await once(stream, "close");
  assert.equal(stream.rstCode, 8);
});

test("a connection without a request is closed after a while", async (t) => {
  const port = await start(t, { ...SHORT, headersMs: 60_000 });
  assert.match(await untilClosed(port, `${GET}\r\n`), /^HTTP\/1\.1 200 /u);
  // SETTINGS, then GOAWAY.
  assert.notEqual(await untilClosed(port, PREFACE), "");
});

test("an answer that is waited for stays, whichever HTTP", async (t) => {
  const go = Promise.withResolvers<void>();
  const port = await start(t, SHORT, (_request, response) => {
    (response as ServerResponse).write("so far");
    void go.promise.then(() => response.end(", and on"));
  });
  const session = openHttp2(t, port);
  const watches = [
    fetch(`http://127.0.0.1:${port}`).then((response) => response.text()),
    fetch(`http://127.0.0.1:${port}`, { method: "POST", body: "x" }).then((response) => response.text()),
    text(session.request({ ":method": "POST" }).end("x")),
  ];
  // Longer than every limit, with the second that Node adds to the last one.
  for (let count = 0; count < 3; count++) await untilClosed(port, `PR`);
  await untilClosed(port, PREFACE);
  await untilClosed(port, GET);
  go.resolve();
  assert.deepEqual(
    await Promise.all(watches),
    watches.map(() => "so far, and on"),
  );
});

test("HTTP/2 is known when its preface comes in pieces", async (t) => {
  const port = await start(t, {});
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  t.after(() => socket.destroy());
  for (const part of ["P", "R", PREFACE.slice(2)]) await written(socket, part);
  const [first] = (await once(socket, "data")) as [Buffer];
  // A SETTINGS frame (RFC 9113, section 6.5), and no HTTP/1.1.
  assert.equal(first[3], 4);
});

test("one connection too many is refused, and one is accepted again when another ends", async (t) => {
  const port = await start(t, { maxConnections: 2 });
  const held = [connect(port, "127.0.0.1"), connect(port, "127.0.0.1")];
  await Promise.all(held.map((socket) => once(socket, "connect")));
  assert.match(await untilClosed(port, `${GET}\r\n`), /^HTTP\/1\.1 503 .*"code":"unavailable"/su);
  await once(connectHttp2(`http://127.0.0.1:${port}`), "error");
  for (const socket of held) socket.destroy();
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}`);
    if (answer.status === 200) break;
    assert.equal(answer.status, 503);
  }
});
