/** TLS and plain HTTP on one port, with real sockets; and what is believed of a proxy. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { startServer } from "../../src/server/server.ts";
import { isLoopback } from "../../src/lib/loopback.ts";
import type { Reach } from "../../src/platform/reach.ts";
import { CLIENT_HEADER, ORIGIN_HEADER } from "../../src/services/origin.ts";
import type { ConnectionLimits } from "../../src/server/connection-limits.ts";
import { listen, type Handler, type ListenerOptions } from "../../src/server/listener.ts";
import { parseProxies } from "../../src/server/proxies.ts";
import { makeAuthority, makeServerCertificate } from "../../src/server/tls/certificate.ts";
import type { Certificates } from "../../src/server/tls/certificates.ts";
import type { KeyPair } from "../../src/server/tls/key-pair.ts";

const DAY_MS = 86_400_000;
const validity = { notBeforeMs: Date.now() - DAY_MS, notAfterMs: Date.now() + DAY_MS };
const authority = makeAuthority(validity);
const ca = authority.certificate;

function keyPair(): KeyPair {
  const made = makeServerCertificate({ authority, names: ["localhost", "127.0.0.1"], ...validity });
  const key = made.key.export({ type: "pkcs8", format: "pem" }).toString();
  return { certificate: made.certificate, key, notAfterMs: validity.notAfterMs };
}

function fixedCertificates(): Certificates & { replace(): void } {
  let current = keyPair();
  const followers: ((pair: KeyPair) => void)[] = [];
  return {
    get current() {
      return current;
    },
    follow: (use) => {
      followers.push(use);
      use(current);
    },
    replace: () => {
      current = keyPair();
      for (const use of followers) use(current);
    },
    reload: () => {},
    close: async () => {},
  };
}

/** The origin, the client, and the body's length. */
const tell: Handler = (request, response) => {
  const { headers } = request;
  text(request).then(
    (body) =>
      response.end(`${String(headers[ORIGIN_HEADER])} ${String(headers[CLIENT_HEADER])} ${body.length}`),
    () => {},
  );
};

/** 127.0.0.2 stands for an address of the outer network: what connects to it comes from another machine. */
const OUTER = "127.0.0.2";
const reach: Reach = {
  listenAt: "0.0.0.0",
  accepts: isLoopback,
  classOf: (address) => (address === OUTER ? "outer" : "loopback"),
};

async function start(t: TestContext, options: Partial<ListenerOptions> = {}): Promise<number> {
  const listener = await listen({ port: 0, reach, handler: tell, ...options });
  t.after(() => listener.close());
  return listener.port;
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

async function ask(url: string, headers: Record<string, string> = {}, from?: string): Promise<Answer> {
  const make = url.startsWith("https:") ? httpsRequest : httpRequest;
  const sent = make(url, {
    ca,
    headers,
    agent: false,
    ...(from !== undefined && { localAddress: from }),
  }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return { status: response.statusCode, headers: response.headers, body: await text(response) };
}

async function askHttp2(
  t: TestContext,
  origin: string,
  headers: Record<string, string> = {},
): Promise<string> {
  const session = connectHttp2(origin, { ca });
  t.after(() => session.destroy());
  return text(session.request({ ":path": "/", ...headers }).end());
}

test("one port has HTTP/1.1 and HTTP/2, with TLS and without, and knows the origin of each", async (t) => {
  const port = await start(t, { certificates: fixedCertificates() });
  assert.equal((await ask(`https://localhost:${port}/`)).body, `https://localhost:${port} 127.0.0.1 0`);
  assert.equal((await ask(`http://localhost:${port}/`)).body, `http://localhost:${port} 127.0.0.1 0`);
  assert.equal(await askHttp2(t, `https://localhost:${port}`), `https://localhost:${port} 127.0.0.1 0`);
  assert.equal(await askHttp2(t, `http://localhost:${port}`), `http://localhost:${port} 127.0.0.1 0`);
});

test("TLS is 1.2 at least, and without the authority nobody connects", async (t) => {
  const port = await start(t, { certificates: fixedCertificates() });
  const handshake = async (options: object): Promise<string | null> => {
    const socket: TLSSocket = connectTls({ port, host: "localhost", servername: "localhost", ...options });
    t.after(() => socket.destroy());
    await once(socket, "secureConnect");
    return socket.getProtocol();
  };
  assert.equal(await handshake({ ca }), "TLSv1.3");
  assert.equal(await handshake({ ca, maxVersion: "TLSv1.2" }), "TLSv1.2");
  const old = { ca, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" };
  await assert.rejects(handshake(old), /alert protocol version|ECONNRESET/u);
  await assert.rejects(handshake({}), { code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
});

test("a new certificate is served to who connects after it; who is connected stays", async (t) => {
  const certificates = fixedCertificates();
  const port = await start(t, { certificates });
  const session = connectHttp2(`https://localhost:${port}`, { ca });
  t.after(() => session.destroy());
  await once(session, "connect");
  const serial = async () => {
    const socket = connectTls({ port, host: "localhost", ca });
    t.after(() => socket.destroy());
    await once(socket, "secureConnect");
    return socket.getPeerCertificate().serialNumber;
  };
  const first = await serial();
  certificates.replace();
  assert.notEqual(await serial(), first);
  assert.match(await text(session.request({ ":path": "/" }).end()), /^https:/u);
});

test("plain HTTP from another machine is refused, and a browser is sent to https; this machine's stays", async (t) => {
  const port = await start(t, { certificates: fixedCertificates() });
  const refused = await ask(`http://${OUTER}:${port}/a?b=c`);
  assert.equal(refused.status, 403);
  assert.match(refused.body, /"code":"permission_denied".*admin\.insecure: false/u);
  const sent = await ask(`http://${OUTER}:${port}/a?b=c`, { accept: "text/html,*/*" });
  assert.deepEqual([sent.status, sent.headers.location], [308, `https://${OUTER}:${port}/a?b=c`]);
  assert.match(await askHttp2(t, `http://${OUTER}:${port}`), /permission_denied/u);
  assert.equal((await ask(`http://127.0.0.1:${port}/`)).status, 200);
  const open = await start(t);
  assert.equal((await ask(`http://${OUTER}:${open}/`)).status, 200, "opened so on purpose");
});

test("only a trusted proxy is believed, by either HTTP; from others it takes nothing at all", async (t) => {
  const proxies = parseProxies(["127.0.0.9"]);
  const port = await start(t, { proxies });
  const forged = {
    "x-forwarded-for": "203.0.113.9, 198.51.100.7",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "boxkite.example",
    // A client cannot write what the listener notes.
    [ORIGIN_HEADER]: "https://evil.example",
    [CLIENT_HEADER]: "203.0.113.1",
  };
  const believed = "https://boxkite.example 198.51.100.7 0";
  assert.equal((await ask(`http://${OUTER}:${port}/`, forged, "127.0.0.9")).body, believed);
  const ignored = `http://127.0.0.1:${port} 127.0.0.1 0`;
  assert.equal((await ask(`http://127.0.0.1:${port}/`, forged)).body, ignored);
  assert.equal(await askHttp2(t, `http://127.0.0.1:${port}`, forged), ignored);
  const refused = await ask(`http://${OUTER}:${port}/`, forged);
  assert.equal(refused.status, 403);
  assert.match(refused.body, /from its proxy only/u);
  const both = await ask(`http://127.0.0.1:${port}/`, { ...forged, forwarded: "for=192.0.2.7" }, "127.0.0.9");
  assert.equal(both.status, 400);
  const http2 = await start(t, { proxies: parseProxies(["127.0.0.0/8"]) });
  assert.equal(await askHttp2(t, `http://127.0.0.1:${http2}`, forged), believed);
});

test("behind a proxy that has another name for the server, links are signed for the client's", async (t) => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "boxkite-test-"));
  const server = await startServer({
    dataDirectory,
    ephemeral: false,
    port: 0,
    reach,
    proxies: parseProxies(["127.0.0.9"]),
    createExecutor: async () => createFakeExecutor(),
    createImageTools: undefined,
    maxParallel: 1,
    queues: new Map(),
    version: "0.0.0",
    hostNames: "any",
    log: silentLogger,
  });
  t.after(async () => {
    await server.close();
    await rm(dataDirectory, { recursive: true });
  });
  const send = async (method: string, path: string, type: string, body: string) => {
    const headers = {
      "content-type": type,
      "x-forwarded-host": "boxkite.example",
      "x-forwarded-proto": "https",
      "content-length": String(body.length),
    };
    const url = `http://127.0.0.1:${server.port}${path}`;
    const sent = httpRequest(url, { method, headers, agent: false, localAddress: "127.0.0.9" }).end(body);
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    return { status: response.statusCode, body: await text(response) };
  };
  const asked = JSON.stringify({
    project: "flytesnacks",
    domain: "development",
    filename: "f",
    filenameRoot: "r",
  });
  const call = "/flyteidl2.dataproxy.DataProxyService/CreateUploadLocation";
  const answer = await send("POST", call, "application/json", asked);
  const { signedUrl } = JSON.parse(answer.body) as { signedUrl: string };
  const { origin, pathname, search } = new URL(signedUrl);
  assert.equal(origin, "https://boxkite.example");
  const put = await send("PUT", `${pathname}${search}`, "application/octet-stream", "content");
  assert.equal(put.status, 200, put.body);
});

const SHORT: Partial<ConnectionLimits> = { firstBytesMs: 50, headersMs: 50, idleMs: 50 };

test("a handshake that does not end is ended; so is a connection that asks nothing", async (t) => {
  const port = await start(t, { certificates: fixedCertificates(), limits: SHORT });
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => {}).resume();
  socket.write(Buffer.from([0x16, 0x03, 0x01]));
  await once(socket, "close");
  for (const protocol of ["h2", "http/1.1"]) {
    const silent = connectTls({ port, host: "localhost", ca, ALPNProtocols: [protocol] });
    silent.on("error", () => {}).resume();
    await once(silent, "secureConnect");
    assert.equal(silent.alpnProtocol, protocol);
    await once(silent, "close");
  }
});

test("a body has its least rate with TLS too", async (t) => {
  const limits = { bodyPeriodMs: 400, minBodyBytes: 1_000 };
  const port = await start(t, { certificates: fixedCertificates(), limits });
  const upload = (part: string) => {
    const sent = httpsRequest(`https://localhost:${port}/`, { method: "POST", ca, agent: false });
    const dripping = setInterval(() => sent.write(part), 10);
    sent.on("error", () => {}).once("close", () => clearInterval(dripping));
    return { sent, end: () => clearInterval(dripping) };
  };
  const fast = upload("x".repeat(1_000));
  const slow = upload("x");
  await new Promise<void>((resolve) => slow.sent.once("close", resolve));
  fast.end();
  fast.sent.end();
  const [response] = (await once(fast.sent, "response")) as [IncomingMessage];
  assert.match(await text(response), /^https:.* \d{4,}$/u);
});
