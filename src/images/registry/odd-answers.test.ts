/** What registries, and what stands in front of them, answer beside images: who is blamed, and how often they are asked. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSocketServer, type AddressInfo } from "node:net";
import { suite, test, type TestContext } from "node:test";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import { BoxkiteError, textOf, type ErrorCode } from "../../domain/errors.ts";
import { systemClock } from "../../lib/clock.ts";
import { parseImageReference } from "../reference.ts";
import type { Credential } from "./credentials.ts";
import { RegistryRefusal } from "./refusal.ts";
import { createRegistryClient, type RegistryClientOptions } from "./registry-client.ts";

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

type Handler = (request: IncomingMessage, path: string) => Answer | "silence" | "reset";

const JSON_TYPE = { "Content-Type": "application/json" };
const HTML_TYPE = { "Content-Type": "text/html; charset=utf-8" };
const PAGE = "<!doctype html><html><head><title>Sign in to Example Corp</title></head></html>";

async function startRegistry(t: TestContext, handler: Handler) {
  const asked: string[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    if (path !== "/v2/") asked.push(path);
    const answer = path === "/v2/" ? {} : handler(request, path);
    if (answer === "silence") return;
    if (answer === "reset") return void request.socket.resetAndDestroy();
    response.writeHead(answer.status ?? 200, { ...JSON_TYPE, ...answer.headers }).end(answer.body ?? "");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { server, host, asked, image: parseImageReference(`${host}/team/app:1`) };
}

const AMD64 = { os: "linux", architecture: "amd64" };
const clientOf = (options: RegistryClientOptions = {}) =>
  createRegistryClient({ platform: AMD64, env: {}, ...options });

async function refusal(work: Promise<unknown>): Promise<BoxkiteError> {
  const error: unknown = await work.then(
    () => assert.fail("it was resolved"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof BoxkiteError, String(error));
  return error;
}

function errorBody(code: string, message: string): string {
  return JSON.stringify({ errors: [{ code, message }] });
}

const CONFIG = JSON.stringify(AMD64);
const digestOf = (text: string) => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const MANIFEST = JSON.stringify({ schemaVersion: 2, config: { digest: digestOf(CONFIG) } });
/** Of a registry that has the image. */
const good: Handler = (_request, path) => ({ body: path.includes("/blobs/") ? CONFIG : MANIFEST });

interface Row {
  readonly name: string;
  readonly answer: Answer | Handler;
  readonly code: ErrorCode;
  readonly recoverable?: boolean;
  readonly message: RegExp;
  readonly hint: RegExp;
}

const UNREACHABLE = "REGISTRY_UNREACHABLE";
const ROWS: readonly Row[] = [
  {
    name: "a rate limit that lasts for an hour",
    answer: {
      status: 429,
      headers: { "Retry-After": "3600" },
      body: errorBody("TOOMANYREQUESTS", "You have reached your pull rate limit."),
    },
    code: "REGISTRY_RATE_LIMITED",
    recoverable: false,
    message:
      /limit is reached: .*You have reached your pull rate limit\. \(status 429\); it asks to wait 60 min$/,
    hint: /^registries allow more with a login: log in with podman login .*; or wait 60 min and run again$/,
  },
  {
    name: "a rate limit with the status of another error",
    answer: { status: 403, body: errorBody("TOOMANYREQUESTS", "slow down") },
    code: "REGISTRY_RATE_LIMITED",
    recoverable: true,
    message: /slow down/,
    hint: /or wait and run again$/,
  },
  {
    name: "a sign-in page instead of a manifest",
    answer: { headers: HTML_TYPE, body: PAGE },
    code: UNREACHABLE,
    recoverable: false,
    message: /it is not a registry that answers: a page titled "Sign in to Example Corp"$/,
    hint: /proxy or the sign-in page of a network.*curl -i http/,
  },
  {
    name: "a page without its type",
    answer: { headers: { "Content-Type": "text/plain" }, body: "<html>hello</html>" },
    code: UNREACHABLE,
    recoverable: false,
    message: /a page without a title$/,
    hint: /sign-in page/,
  },
  {
    name: "a gateway's page for a registry that is down",
    answer: { status: 503, headers: HTML_TYPE, body: "<html><h1>503 Service Unavailable</h1></html>" },
    code: UNREACHABLE,
    recoverable: true,
    message: /fault of its own: a page titled "503 Service Unavailable" \(status 503\)$/,
    hint: /can be reached, but it or a gateway in front of it fails/,
  },
  {
    name: "maintenance for two minutes",
    answer: { status: 503, headers: { "Retry-After": "120" } },
    code: UNREACHABLE,
    recoverable: false,
    message: /status 503; it asks to wait 2 min$/,
    hint: /run again later/,
  },
  {
    name: "an empty manifest",
    answer: {},
    code: UNREACHABLE,
    recoverable: false,
    message: /did not return the manifest of .*team\/app:1, but an empty response$/,
    hint: /push the image again, or try: curl -i http:.*\/team\/app\/manifests\/1$/,
  },
  {
    name: "a manifest that is cut off",
    answer: { body: MANIFEST.slice(0, 20) },
    code: UNREACHABLE,
    recoverable: false,
    message: /but something that cannot be read$/,
    hint: /push the image again/,
  },
  {
    name: "a chart",
    answer: {
      body: JSON.stringify({
        schemaVersion: 2,
        config: { digest: digestOf("{}"), mediaType: "application/vnd.cncf.helm.config.v1+json" },
      }),
    },
    code: "IMAGE_NOT_FOUND",
    message: /is not a container image \(application\/vnd\.cncf\.helm\.config\.v1\+json\)$/,
    hint: /such as a chart/,
  },
  {
    name: "a web site that is no registry",
    answer: { status: 404, headers: HTML_TYPE, body: "<html><title>Not Found</title></html>" },
    code: "IMAGE_NOT_FOUND",
    message: /answers as a web site, not as a registry: a page titled "Not Found" \(status 404\)$/,
    hint: /is 127.* a container registry\?/,
  },
  {
    name: "a repository that the login may not read",
    answer: { status: 403, body: errorBody("DENIED", "requested access to the resource is denied") },
    code: "IMAGE_UNAUTHORIZED",
    message: /does not let us read .*team\/app:1: requested access to the resource is denied/,
    hint: /podman login/,
  },
  {
    name: "a firewall's page",
    answer: { status: 403, headers: HTML_TYPE, body: "<html><title>Blocked by policy</title></html>" },
    code: "IMAGE_UNAUTHORIZED",
    message: /a page titled "Blocked by policy"/,
    hint: /if a proxy or a firewall sent it, ask for access/,
  },
  {
    name: "a login that is required and cannot be given",
    answer: { status: 401, headers: { "WWW-Authenticate": "Negotiate" } },
    code: "IMAGE_UNAUTHORIZED",
    message: /does not let us read .*: status 401$/,
    hint: /podman login/,
  },
  {
    name: "a proxy that wants a login",
    answer: { status: 407 },
    code: UNREACHABLE,
    recoverable: false,
    message: /the proxy requires a login/,
    hint: /HTTPS_PROXY/,
  },
  {
    name: "plain HTTP to a port with TLS",
    answer: { status: 400, body: "Client sent an HTTP request to an HTTPS server.\n" },
    code: UNREACHABLE,
    recoverable: false,
    message: /it expects TLS$/,
    hint: /insecure: false$/,
  },
  {
    name: "redirects without end",
    answer: { status: 302, headers: { Location: "/v2/team/app/manifests/1" } },
    code: UNREACHABLE,
    recoverable: false,
    message: /redirects requests without end: status 302$/,
    hint: /set up wrongly/,
  },
  {
    name: "a connection that is reset",
    answer: () => "reset",
    code: UNREACHABLE,
    recoverable: true,
    message: /cannot be asked: .*(ECONNRESET|socket hang up)/,
    hint: /reachable from this machine\?/,
  },
  {
    name: "a token service that is away",
    answer: {
      status: 401,
      headers: { "WWW-Authenticate": 'Bearer realm="http://127.0.0.1:9/token",service="x"' },
      body: errorBody("UNAUTHORIZED", "authentication required"),
    },
    code: UNREACHABLE,
    recoverable: true,
    message: /its token service http:\/\/127\.0\.0\.1:9\/token: connect ECONNREFUSED/,
    hint: /answers, but sends clients to http:\/\/127\.0\.0\.1:9\/token for a token: is that reachable/,
  },
  {
    name: "a token service that shows a sign-in page",
    answer: (request, path) =>
      path === "/token"
        ? { headers: HTML_TYPE, body: PAGE }
        : {
            status: 401,
            headers: { "WWW-Authenticate": `Bearer realm="http://${request.headers.host}/token"` },
          },
    code: UNREACHABLE,
    recoverable: false,
    message:
      /its token service .*\/token returned a page for people: a page titled "Sign in to Example Corp"$/,
    hint: /sign-in page/,
  },
  {
    name: "a token service that limits its requests",
    answer: (request, path) =>
      path === "/token"
        ? { status: 429 }
        : {
            status: 401,
            headers: { "WWW-Authenticate": `Bearer realm="http://${request.headers.host}/token"` },
          },
    code: "REGISTRY_RATE_LIMITED",
    recoverable: true,
    message: /limit is reached/,
    hint: /podman login/,
  },
  {
    name: "a configuration that is missing",
    answer: (_request, path) =>
      path.includes("/blobs/")
        ? { status: 404, body: errorBody("BLOB_UNKNOWN", "blob unknown to registry") }
        : { body: MANIFEST },
    code: "IMAGE_NOT_FOUND",
    message: /has .*team\/app:1 only in part: its configuration sha256:\w+ is missing$/,
    hint: /push the image again/,
  },
  {
    name: "a configuration that is damaged",
    answer: (_request, path) => ({ body: path.includes("/blobs/") ? "{}" : MANIFEST }),
    code: UNREACHABLE,
    recoverable: false,
    message: /returned other content than requested for .*team\/app:1/,
    hint: /its storage is damaged/,
  },
];

const LAYER = `sha256:${"1".repeat(64)}`;
const LAYERED = JSON.stringify({
  schemaVersion: 2,
  config: { digest: digestOf(CONFIG) },
  layers: [
    { digest: LAYER },
    { digest: `sha256:${"2".repeat(64)}`, urls: ["https://elsewhere.example.com"] },
  ],
});
const INDEX = JSON.stringify({
  manifests: [
    { digest: `sha256:${"3".repeat(64)}`, platform: { os: "linux", architecture: "arm64" } },
    { digest: digestOf(LAYERED), platform: AMD64 },
  ],
});

suite("the layers of an image", () => {
  const serve = (t: TestContext, layer: Handler) =>
    startRegistry(t, (request, path) => {
      if (path.endsWith(LAYER)) return layer(request, path);
      return { body: path.endsWith(digestOf(LAYERED)) ? LAYERED : INDEX };
    });

  test("are asked for their first byte, those of this platform that the registry has", async (t) => {
    const ranges: (string | undefined)[] = [];
    const registry = await serve(t, (request) => {
      ranges.push(request.headers.range);
      // Without regard to the range, and more than would be read.
      return { body: "x".repeat(9 * 1024 * 1024) };
    });
    await clientOf().requireLayers(registry.image);
    assert.deepEqual(ranges, ["bytes=0-0"]);
    assert.deepEqual(
      registry.asked.filter((path) => path.includes("/blobs/")),
      [`/v2/team/app/blobs/${LAYER}`],
    );
  });

  test("may be missing, or limited", async (t) => {
    const missing = await serve(t, () => ({ status: 404, body: errorBody("BLOB_UNKNOWN", "blob unknown") }));
    const error = await refusal(clientOf().requireLayers(missing.image));
    assert.equal(error.code, "IMAGE_NOT_FOUND");
    assert.match(error.message, /only in part: its layer sha256:1+ is missing$/);
    const limited = await serve(t, () => ({ status: 429, headers: { "Retry-After": "3600" } }));
    assert.equal((await refusal(clientOf().requireLayers(limited.image))).code, "REGISTRY_RATE_LIMITED");
  });
});

suite("odd answers of registries", () => {
  for (const row of ROWS) {
    test(row.name, async (t) => {
      const { answer } = row;
      const registry = await startRegistry(t, typeof answer === "function" ? answer : () => answer);
      const error = await refusal(clientOf().resolve(registry.image));
      assert.equal(error.code, row.code, textOf(error));
      assert.match(error.message, row.message);
      assert.match(error.hint ?? "", row.hint);
      assert.equal(error.recoverable, row.recoverable ?? false);
      const aboutReach = /reachable/.test(error.hint ?? "");
      assert.ok(!aboutReach || row.code === UNREACHABLE, error.hint);
    });
  }

  test("credentials that are missing, that are refused, and a limit are told apart", async (t) => {
    const team: Credential = { kind: "password", username: "team", password: "x" };
    const expired: Credential = { kind: "identity", token: "old" };
    const token = (request: IncomingMessage, path: string, status: number): Answer =>
      path === "/token"
        ? { status, body: JSON.stringify({ error: "invalid_grant" }) }
        : {
            status: 401,
            headers: { "WWW-Authenticate": `Bearer realm="http://${request.headers.host}/token"` },
          };
    const rows: readonly [Credential | undefined, Handler, ErrorCode, boolean, RegExp][] = [
      [
        undefined,
        () => ({ status: 401 }),
        "IMAGE_UNAUTHORIZED",
        false,
        /^it was asked without credentials: log in/,
      ],
      [team, () => ({ status: 401 }), "IMAGE_UNAUTHORIZED", true, /which are wrong, have expired or may not/],
      [team, () => ({ status: 403 }), "IMAGE_UNAUTHORIZED", true, /which are wrong, have expired or may not/],
      [expired, (request, path) => token(request, path, 400), "IMAGE_UNAUTHORIZED", true, /have expired/],
      [expired, (request, path) => token(request, path, 401), "IMAGE_UNAUTHORIZED", true, /have expired/],
      [
        undefined,
        () => ({ status: 429 }),
        "REGISTRY_RATE_LIMITED",
        false,
        /^registries allow more with a login/,
      ],
    ];
    for (const [credential, handler, code, isLoggedIn, hint] of rows) {
      const registry = await startRegistry(t, handler);
      const error = await refusal(clientOf({ credentials: async () => credential }).resolve(registry.image));
      assert.equal(error.code, code, textOf(error));
      assert.ok(error instanceof RegistryRefusal && error.isLoggedIn === isLoggedIn);
      assert.match(error.hint ?? "", hint);
    }
  });

  test("what has failed is not asked again at once; what a user mends is", async (t) => {
    let answer: Answer = { status: 503 };
    const registry = await startRegistry(t, (request, path) =>
      answer.status ? answer : good(request, path),
    );
    let nowMs = 1_000_000;
    const client = clientOf({ clock: { ...systemClock, now: () => nowMs } });
    for (let run = 0; run < 5; run++) await refusal(client.resolve(registry.image));
    assert.equal(registry.asked.length, 1);
    nowMs += 4_000;
    answer = { status: 404 };
    for (let run = 0; run < 2; run++) await refusal(client.resolve(registry.image));
    assert.equal(registry.asked.length, 3);
    answer = {};
    await client.resolve(registry.image);
  });

  test("Retry-After is honoured, in seconds and as a date, up to ten minutes", async (t) => {
    const startMs = Date.parse("2026-11-30T08:00:00Z");
    for (const [value, pauseMs] of [
      ["2", 3_000],
      ["60", 60_000],
      ["Mon, 30 Nov 2026 08:01:00 GMT", 60_000],
      ["86400", 600_000],
      ["soon", 3_000],
    ] as const) {
      const registry = await startRegistry(t, () => ({ status: 429, headers: { "Retry-After": value } }));
      let nowMs = startMs;
      const client = clientOf({ clock: { ...systemClock, now: () => nowMs } });
      await refusal(client.resolve(registry.image));
      nowMs = startMs + pauseMs - 1;
      await refusal(client.resolve(registry.image));
      assert.equal(registry.asked.length, 1, value);
      nowMs = startMs + pauseMs;
      await refusal(client.resolve(registry.image));
      assert.equal(registry.asked.length, 2, value);
    }
  });

  test("after a login the registry is asked again, and with a token of that login", async (t) => {
    const registry = await startRegistry(t, (request, path) => {
      const { authorization = "", host } = request.headers;
      if (path === "/token")
        return { body: JSON.stringify({ token: authorization === "" ? "anonymous" : "team" }) };
      if (authorization === "Bearer team") return good(request, path);
      if (authorization === "Bearer anonymous") return { status: 429, headers: { "Retry-After": "3600" } };
      return { status: 401, headers: { "WWW-Authenticate": `Bearer realm="http://${host}/token"` } };
    });
    let credential: Credential | undefined;
    const client = clientOf({ credentials: async () => credential });
    assert.equal((await refusal(client.resolve(registry.image))).code, "REGISTRY_RATE_LIMITED");
    credential = { kind: "password", username: "team", password: "x" };
    assert.equal((await client.resolve(registry.image)).digest, digestOf(MANIFEST));
  });

  test("a token service of one repository is not that of another", async (t) => {
    const registry = await startRegistry(t, (request, path) =>
      path.includes("/private/")
        ? { status: 401, headers: { "WWW-Authenticate": 'Bearer realm="http://127.0.0.1:9/token"' } }
        : good(request, path),
    );
    const client = clientOf();
    await refusal(client.resolve(parseImageReference(`${registry.host}/private/app:1`)));
    await client.resolve(registry.image);
  });

  test("silence is reported after a second request, and not waited for again", async (t) => {
    const clock = steppedClock();
    const registry = await startRegistry(t, () => "silence");
    const client = clientOf({ clock });
    const first = refusal(client.resolve(registry.image));
    for (let requests = 1; requests <= 2; requests++) {
      while (registry.asked.length < requests) await clock.step(0);
      await clock.step(10_000);
    }
    const error = await first;
    assert.equal(error.code, UNREACHABLE);
    assert.equal(error.recoverable, false);
    assert.match(error.message, /no answer within 10 s, and none to a second request$/);
    assert.match(error.hint ?? "", /overloaded, or a firewall or proxy holds requests back/);
    await refusal(client.resolve(registry.image));
    assert.equal(registry.asked.length, 2);
  });

  test("one request without an answer is forgiven", async (t) => {
    const clock = steppedClock();
    const registry = await startRegistry(t, (request, path) =>
      registry.asked.length === 1 ? "silence" : good(request, path),
    );
    const resolved = clientOf({ clock }).resolve(registry.image);
    while (registry.asked.length === 0) await clock.step(0);
    await clock.step(10_000);
    assert.equal((await resolved).digest, digestOf(MANIFEST));
  });

  test("a host that accepts connections and says nothing", async (t) => {
    const clock = steppedClock();
    const accepted: unknown[] = [];
    const server = createSocketServer((socket) => {
      accepted.push(socket);
      t.after(() => socket.destroy());
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const resolving = refusal(clientOf({ clock }).resolve(parseImageReference(`${host}/team/app:1`)));
    for (let requests = 1; requests <= 2; requests++) {
      while (accepted.length < requests) await clock.step(0);
      await clock.step(5_000);
    }
    assert.match((await resolving).message, /no answer within 5 s, and none to a second request$/);
  });
});
