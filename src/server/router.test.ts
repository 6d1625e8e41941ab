import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer as createHttp2Server } from "node:http2";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { BoxkiteError } from "../domain/errors.ts";
import { LOCAL } from "../domain/principal.ts";
import { NO_AUDIT } from "../../test/helpers/no-audit.ts";
import { systemClock } from "../lib/clock.ts";
import { createLogger, silentLogger, type Logger } from "../lib/log.ts";
import { createAccess } from "../services/access.ts";
import type { StoreReader } from "../store/reader.ts";
import { openSqliteStore } from "../store/sqlite/sqlite-store.ts";
import type { Authenticate } from "./authenticate.ts";
import type { CheckHealth } from "./health.ts";
import { createAuditedCalls } from "./audit/audited-calls.ts";
import type { HostNames } from "./host-names.ts";
import { createRouter } from "./router.ts";

const CONDITION = "/v2/domain/d/project/p/runs/r/conditions/c";

interface StartOptions {
  readonly health?: CheckHealth;
  readonly hostNames?: HostNames;
  readonly log?: Logger;
  readonly getAction?: StoreReader["getAction"];
  readonly authenticate?: Authenticate;
}

function routerFor(store: StoreReader, options: StartOptions): ReturnType<typeof createRouter> {
  const { hostNames = [], log = silentLogger, health = async () => undefined, ...others } = options;
  const { authenticate = ({ url = "/" }) => ({ by: LOCAL, url }), ...overrides } = others;
  return createRouter({
    ends: { endWithCaller: () => {} },
    authenticate,
    rpc: () => {
      throw new Error("a mistake in the program");
    },
    objects: (_, response) => void response.end("objects"),
    audited: createAuditedCalls(NO_AUDIT, systemClock),
    bucket: "boxkite",
    health,
    context: { access: createAccess({ ...store, ...overrides }, () => {}), log } as unknown as Parameters<
      typeof createRouter
    >[0]["context"],
    hostNames,
  });
}

async function start(t: TestContext, options: StartOptions = {}) {
  const store = openSqliteStore(":memory:");
  const server = createServer(routerFor(store, options));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    await store.close();
  });
  const { port } = server.address() as AddressInfo;
  return async (
    method: string,
    path: string,
    headers: Record<string, string> = {},
    sent = bodyOf(method),
  ) => {
    const outgoing = httpRequest({ host: "127.0.0.1", port, method, path, headers, agent: false }).end(sent);
    const [response] = await once(outgoing, "response");
    const { statusCode, headers: answered } = response as IncomingMessage;
    const { location, allow } = answered;
    return { status: statusCode as number, location, allow, body: await text(response), port };
  };
}

/** A GET whose body is not announced would be two requests. */
function bodyOf(method: string): string {
  return method === "POST" ? "{}" : "";
}

async function startHttp2(t: TestContext, options: StartOptions = {}) {
  const store = openSqliteStore(":memory:");
  const server = createHttp2Server(routerFor(store, options));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.after(async () => {
    session.destroy();
    await new Promise((done) => server.close(done));
    await store.close();
  });
  return { server, session };
}

test("an exception of a handler, or a path that is no encoding, does not end the server", async (t) => {
  const ask = await start(t);
  assert.equal((await ask("POST", "/flyteidl2.x/Y")).status, 500);
  assert.equal((await ask("POST", "/v2/domain/d/project/p/runs/r/conditions/%E0%A4%A")).status, 404);
  assert.equal((await ask("GET", "/healthz")).status, 200);
});

test("the log of a failure has neither the token before the path nor the signature behind it", async (t) => {
  const lines: string[] = [];
  const log = createLogger({ level: "info", format: "json", write: (line) => lines.push(line) });
  const authenticate = async () => {
    throw new Error("the store cannot be read");
  };
  const send = await start(t, { log, authenticate });
  assert.equal((await send("GET", "/t/bkt_secret/v2/x?X-Amz-Signature=secret")).status, 500);
  assert.match(lines.join(""), /"path":"\/v2\/x"/u);
  assert.doesNotMatch(lines.join(""), /secret/u);
});

test("the health of the server is 503 with what is wrong and what to do", async (t) => {
  const problem = new BoxkiteError("DISK_FULL", "the disk is full", { hint: "free some space" });
  const answers: readonly (readonly [CheckHealth, number, string])[] = [
    [async () => undefined, 200, "ok\n"],
    [async () => problem, 503, "the disk is full; hint: free some space\n"],
    [() => Promise.reject(new Error("a mistake")), 500, "internal error; the server's log has the cause\n"],
  ];
  for (const [health, ...wanted] of answers) {
    const ask = await start(t, { health });
    assert.equal((await ask("GET", "/livez")).body, "ok\n");
    for (const path of ["/healthz", "/v2/healthz"]) {
      const { status, body } = await ask("GET", path);
      assert.deepEqual([status, body], wanted, path);
    }
  }
});

test("the root leads to the pages", async (t) => {
  const ask = await start(t);
  const { status, location } = await ask("GET", "/");
  assert.deepEqual([status, location], [302, "/v2"]);
});

test("what is signed for S3 belongs to the objects, whatever its path and its host name", async (t) => {
  const ask = await start(t);
  const header = { authorization: "AWS4-HMAC-SHA256 Credential=a" };
  for (const path of ["/", "/other", "/other/key", "/v2", "/healthz", "/flyteidl2.x/Y"]) {
    assert.equal((await ask("GET", path, header)).body, "objects", path);
    assert.equal((await ask("HEAD", path, { authorization: "AWS a:b" })).status, 200, path);
    assert.equal((await ask("GET", `${path}?list-type=2&X-Amz-Signature=a`)).body, "objects", path);
    assert.equal((await ask("GET", `${path}?AWSAccessKeyId=a&Signature=b&Expires=1`)).body, "objects", path);
  }
  assert.equal((await ask("GET", "/", { ...header, host: "elsewhere.example" })).body, "objects");
  const { status, location } = await ask("GET", "/?Signature=b", { authorization: "Bearer AWS" });
  assert.deepEqual([status, location], [302, "/v2"]);
});

test("a condition is not answered for a page of another origin", async (t) => {
  const ask = await start(t);
  assert.equal((await ask("POST", CONDITION, { origin: "http://elsewhere.example" })).status, 403);
  assert.equal((await ask("POST", CONDITION, { origin: "null" })).status, 403);
  const { status, body, port } = await ask("POST", CONDITION);
  assert.equal(status, 404);
  assert.match(body, /no .*run|no .*action/u);
  const own = await ask("POST", CONDITION, { origin: `http://127.0.0.1:${port}` });
  assert.equal(own.status, 404);
});

test("an answer that is too long is refused as such", async (t) => {
  const ask = await start(t);
  const { status, body } = await ask("POST", CONDITION, {}, "x".repeat(1024 * 1024 + 1));
  assert.equal(status, 413);
  assert.match(body, /^the body is longer than the limit of 1 MiB; hint: /u);
});

test("a client of HTTP/2 sees the refusal of an answer that is too long, and its stream ends", async (t) => {
  const { session } = await startHttp2(t);
  const stream = session.request({ ":method": "POST", ":path": CONDITION });
  stream.resume().end("x".repeat(4 * 1024 * 1024));
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  assert.equal(headers[":status"], 413);
  await once(stream, "close");
});

test("a method that a path does not have is refused with those that it has", async (t) => {
  const ask = await start(t);
  const run = "/v2/domain/d/project/p/runs/r";
  const reads = ["/", "/healthz", "/livez", "/v2", "/v2/assets/run.js", run, `${run}/stream`, `${run}/log`];
  for (const path of reads)
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"]) {
      const { status, allow } = await ask(method, path);
      assert.deepEqual([status, allow], [405, "GET, HEAD"], `${method} ${path}`);
    }
  for (const path of [CONDITION, `${run}/abort`, `${run}/answer`])
    for (const method of ["GET", "HEAD", "PUT"]) {
      const { status, allow } = await ask(method, path);
      assert.deepEqual([status, allow], [405, "POST"], `${method} ${path}`);
    }
  for (const path of ["/v2/nothing", "/nothing", "//v2"])
    assert.equal((await ask("PUT", path)).status, 404, path);
});

test("an answer that the server fails to take is its own fault, and logged", async (t) => {
  const lines: string[] = [];
  const getAction = () => Promise.reject(new Error("the disk is on fire"));
  const ask = await start(t, { log: createLogger({ write: (line) => lines.push(line) }), getAction });
  const form = "/v2/domain/d/project/p/runs/r/answer?i=c";
  for (const path of [CONDITION, form]) {
    const { status, body, port } = await ask("POST", path);
    const own = { origin: `http://127.0.0.1:${port}` };
    assert.equal(path === form ? (await ask("POST", path, own)).status : status, 500, path);
    assert.doesNotMatch(body, /on fire/u);
    assert.match(lines.splice(0).join(""), /ERROR|error.*on fire/u);
  }
});

test("only the machine's own names are answered, unless the server is open to a network", async (t) => {
  const ask = await start(t);
  for (const host of ["localhost:1", "127.0.0.1", "[::1]:30080", "host.containers.internal:1", "a.localhost"])
    assert.equal((await ask("GET", "/healthz", { host })).status, 200, host);
  for (const host of ["elsewhere.example:1", "localhost.elsewhere.example", "%"]) {
    const refused = await ask("GET", "/healthz", { host });
    assert.equal(refused.status, 421, host);
    assert.match(refused.body, /--server-name/u);
  }
  for (const hostNames of ["any", ["boxkite.example"]] as const) {
    const askOpen = await start(t, { hostNames });
    assert.equal((await askOpen("GET", "/healthz", { host: "boxkite.example:1" })).status, 200);
    const other = await askOpen("GET", "/healthz", { host: "evil.boxkite.example" });
    assert.equal(other.status, hostNames === "any" ? 200 : 421);
  }
});

test("a client of HTTP/2 that goes away in the middle of its answer is no failure of the server", async (t) => {
  const lines: string[] = [];
  const log = createLogger({ write: (line) => void lines.push(line) });
  const { server, session } = await startHttp2(t, { log });
  const arrived = once(server, "request");
  const stream = session.request({ ":method": "POST", ":path": CONDITION });
  stream.on("error", () => {});
  stream.write("{");
  const [request] = (await arrived) as [IncomingMessage];
  const closed = once(request, "close");
  session.destroy();
  await closed;
  // What the end of the body set off has run.
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(lines, []);
});
