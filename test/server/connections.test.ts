/** Connections that never become a request, or stop in the middle of one, against limits of a few milliseconds. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { connect as connectHttp2, type ClientHttp2Session } from "node:http2";
import { connect, type Socket } from "node:net";
import type { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import type { ConnectionLimits } from "../../src/server/connection-limits.ts";
import { listen, type Handler } from "../../src/server/listener.ts";

const GET = "GET / HTTP/1.1\r\nhost: localhost\r\n";
const POST = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n";
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SHORT = { firstBytesMs: 30, headersMs: 30, bodyPeriodMs: 30, minBodyBytes: 1, idleMs: 30 };

const answerOk: Handler = (_request, response) => void response.end("ok");

async function start(t: TestContext, limits: Partial<ConnectionLimits>, handler = answerOk): Promise<number> {
  const reach = { listenAt: "127.0.0.1", accepts: () => true, classOf: () => "loopback" as const };
  const listener = await listen({ port: 0, reach, handler, limits });
  t.after(() => listener.close());
  return listener.port;
}

/** What is answered to these bytes before the server closes the connection. */
async function untilClosed(port: number, ...parts: readonly string[]): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  const end = closed(socket);
  for (const part of parts) await written(socket, part);
  await end;
  return Buffer.concat(chunks).toString("latin1");
}

/** Also by a reset: the server has not read what was sent last. */
function closed(stream: Writable): Promise<void> {
  return new Promise((resolve) => stream.on("error", () => {}).once("close", resolve));
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

/** Reads the body to its end. */
const answerRead: Handler = (request, response) => {
  request.resume();
  request.once("end", () => response.end("ok"));
};
const LONG = { headersMs: 60_000, idleMs: 60_000 };

test("a body that stays away is not waited for", async (t) => {
  const port = await start(t, { ...SHORT, ...LONG }, answerRead);
  assert.equal(await untilClosed(port, POST, "12345"), "");
  const session = openHttp2(t, port);
  const stream = session.request({ ":method": "POST" });
  stream.write("12345");
  await closed(stream);
  assert.equal(stream.rstCode, 8);
});

/** Writes this much every 10 ms, until the other side ends it. */
function drip(t: TestContext, stream: Writable, part: string): void {
  const dripping = setInterval(() => stream.write(part), 10);
  t.after(() => clearInterval(dripping));
  stream.once("close", () => clearInterval(dripping));
}

test("a body that arrives byte by byte is ended; one that arrives at the least rate, or faster, is not", async (t) => {
  const port = await start(t, { ...SHORT, ...LONG, bodyPeriodMs: 1_000, minBodyBytes: 1_000 }, answerRead);
  const open = () => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    t.after(() => socket.destroy());
    socket.on("error", () => {}).resume();
    socket.write(POST.replace("length: 10", "length: 1000000"));
    return socket;
  };
  const session = openHttp2(t, port);
  const [fast, fastStream] = [open(), session.request({ ":method": "POST" })];
  for (const stream of [fast, fastStream]) drip(t, stream, "x".repeat(1_000));
  // They end with their first period, after those of the fast ones.
  const [slow, slowStream] = [open(), session.request({ ":method": "POST" })];
  const ended = [closed(slow), closed(slowStream)];
  for (const stream of [slow, slowStream]) drip(t, stream, "x");
  await Promise.all(ended);
  assert.equal(slowStream.rstCode, 8);
  assert.deepEqual([fast.closed, fastStream.closed], [false, false]);
});

test("a body that goes on after its answer is ended too", async (t) => {
  const port = await start(t, { ...SHORT, ...LONG, bodyPeriodMs: 100, minBodyBytes: 1_000 });
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  t.after(() => socket.destroy());
  const ended = closed(socket);
  socket.write(POST.replace("length: 10", "length: 1000000"));
  drip(t, socket, "x");
  assert.match((await once(socket, "data")).toString(), /^HTTP\/1\.1 200 /u);
  await ended;
});

test("a body that the server does not read yet is not too slow", async (t) => {
  const go = Promise.withResolvers<void>();
  const port = await start(t, { ...SHORT, ...LONG, minBodyBytes: 1_000 }, (request, response) => {
    request.once("readable", () => void go.promise.then(() => answerRead(request, response)));
  });
  const session = openHttp2(t, port);
  const stream = session.request({ ":method": "POST" });
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  const answers = [text(socket), text(stream)];
  socket.write(`${POST.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n")}12345`);
  stream.write("12345");
  await untilClosed(await start(t, { ...SHORT, ...LONG, bodyPeriodMs: 200 }, answerRead), POST);
  go.resolve();
  socket.write("67890");
  stream.end("67890");
  assert.deepEqual(
    (await Promise.all(answers)).map((answer) => answer.slice(-2)),
    ["ok", "ok"],
  );
});

test("a connection without a request is closed after a while", async (t) => {
  const port = await start(t, { ...SHORT, headersMs: 60_000 });
  assert.match(await untilClosed(port, `${GET}\r\n`), /^HTTP\/1\.1 200 /u);
  // SETTINGS, then GOAWAY.
  assert.notEqual(await untilClosed(port, PREFACE), "");
});

test("an answer that is waited for stays, whichever HTTP", async (t) => {
  const go = Promise.withResolvers<void>();
  // Long enough for what is not to be ended to arrive on a busy machine.
  const limits = { firstBytesMs: 200, headersMs: 200, bodyPeriodMs: 200, minBodyBytes: 1, idleMs: 200 };
  const port = await start(t, limits, (_request, response) => {
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

test("where there are many connections, those of HTTP/1.1 are closed after their answer", async (t) => {
  const port = await start(t, { keptConnections: 1 });
  const alone = connect(port, "127.0.0.1");
  await written(alone, `${GET}\r\n`);
  const [kept] = (await once(alone, "data")) as [Buffer];
  assert.match(kept.toString("latin1"), /^connection: keep-alive\r$/imu);
  assert.match(await untilClosed(port, `${GET}\r\n`), /^connection: close\r$/imu);
  alone.destroy();
});
