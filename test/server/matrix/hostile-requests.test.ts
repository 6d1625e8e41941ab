/** Requests that no client of ours makes: two identities in one, other spellings of a path, pages of other origins. */
import assert from "node:assert/strict";
import { connect } from "node:http2";
import { connect as connectTcp } from "node:net";
import { test, type TestContext } from "node:test";
import { presign } from "../../../src/lib/sigv4-signer.ts";
import { createToken } from "../../../src/server/create-token.ts";
import { tokenCredentials } from "../../../src/server/user-credentials.ts";
import { OF_BETA, OWN, pathOf, signedIn } from "./callers.ts";
import { objectOf } from "./objects.ts";
import { send } from "./send.ts";
import { ELSEWHERE, furnish, HOME, startWorld } from "./world.ts";

const PAGE = (project: string) => `/v2/domain/development/project/${project}/runs`;
const DETAILS = "/flyteidl2.workflow.RunService/GetRunDetails";
const json = (value: object) => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(value),
});

async function subject(t: TestContext) {
  const world = await startWorld(t, "tokens");
  await furnish(world);
  const attempt = await world.start(OWN);
  await world.start(OF_BETA);
  const person = async (name: string, project: string) => {
    const grants = [{ role: "viewer", project }] as const;
    const made = { name, grants, expiresAt: undefined, createdBy: "the test", at: 1 };
    const { token, text } = await createToken(world.store, made);
    return {
      text,
      keys: tokenCredentials(world.signingKeys, token.id),
      cookie: await signedIn(world.url, text),
    };
  };
  return {
    ...world,
    task: pathOf(attempt),
    ofAlpha: await person("of-alpha", HOME.project),
    ofBeta: await person("of-beta", ELSEWHERE.project),
  };
}

test("of two identities in one request one counts, and never both", async (t) => {
  const { url, task, firstToken, ofAlpha, ofBeta } = await subject(t);
  const read = (run: typeof OWN, path: string, headers: object) => {
    const request = json({ runId: { project: run.project, domain: run.domain, name: run.run } });
    return send(url, { ...request, path: path + DETAILS, headers: { ...request.headers, ...headers } });
  };
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  // The path counts before the header.
  assert.equal((await read(OWN, `/t/${ofAlpha.text}`, bearer(ofBeta.text))).status, 200);
  assert.equal((await read(OF_BETA, `/t/${ofAlpha.text}`, bearer(ofBeta.text))).status, 403);
  assert.equal((await read(OF_BETA, task, bearer(firstToken))).status, 403);
  assert.equal((await read(OF_BETA, "/t/wrong", bearer(firstToken))).status, 401);
  assert.equal((await read(OF_BETA, `/t/wrong/t/${firstToken}`, {})).status, 404);
  assert.equal((await read(OF_BETA, `/t/`, bearer(firstToken))).status, 401);
  assert.equal((await read(OF_BETA, "", { ...bearer("wrong"), cookie: ofBeta.cookie })).status, 401);
  // The header counts before the cookie, and a cookie opens no call.
  assert.equal((await read(OF_BETA, "", { ...bearer(ofAlpha.text), cookie: ofBeta.cookie })).status, 403);
  assert.equal((await read(OF_BETA, "", { cookie: ofBeta.cookie })).status, 401);
  const page = (path: string, headers: object) => send(url, { method: "GET", path, headers: { ...headers } });
  assert.equal((await page(PAGE("beta"), { cookie: ofBeta.cookie })).status, 200);
  assert.equal((await page(PAGE("beta"), { ...bearer(ofAlpha.text), cookie: ofBeta.cookie })).status, 403);
  assert.equal((await page(`/t/${ofAlpha.text}${PAGE("beta")}`, { cookie: ofBeta.cookie })).status, 403);
  // Of two cookies the first.
  const both = `${ofAlpha.cookie}; ${ofBeta.cookie}`;
  assert.deepEqual(
    [
      (await page(PAGE("alpha"), { cookie: both })).status,
      (await page(PAGE("beta"), { cookie: both })).status,
    ],
    [200, 403],
  );
});

test("a signature counts alone, whatever else shows who sends the request", async (t) => {
  const { url, task, firstToken, ofAlpha, ofBeta } = await subject(t);
  const signed = (keys: typeof ofAlpha.keys, key: string) => {
    const options = { method: "GET", origin: url, bucket: "boxkite", key } as const;
    const made = new URL(presign({ ...options, ...keys, expiresInSeconds: 60, nowMs: Date.now() }));
    return made.pathname + made.search;
  };
  const get = async (path: string, headers: object = {}) => {
    const { status, text } = await send(url, { method: "GET", path, headers: { ...headers } });
    return [status, /<Code>(\w+)/u.exec(text)?.[1]];
  };
  const [own, other] = [signed(ofAlpha.keys, objectOf(OWN)), signed(ofAlpha.keys, objectOf(OF_BETA))];
  const beta = signed(ofBeta.keys, objectOf(OF_BETA));
  assert.deepEqual(await get(own), [404, "NoSuchKey"]);
  assert.deepEqual(await get(other), [403, "AccessDenied"]);
  assert.deepEqual(await get(other, { cookie: ofBeta.cookie }), [403, "AccessDenied"]);
  assert.deepEqual(await get(other, { authorization: `Bearer ${firstToken}` }), [400, "InvalidArgument"]);
  for (const path of [task, `/t/${firstToken}`]) {
    const [status, code] = await get(path + other);
    assert.ok(status === 403 && code === "SignatureDoesNotMatch", `${status} ${code}`);
  }
  // Two signatures in one URL: what is signed has no other parameters.
  const [, search = ""] = beta.split("?");
  for (const mixed of [`${other}&${search}`, `/${"boxkite"}/${objectOf(OF_BETA)}?${search}&x=1`])
    assert.equal((await get(mixed))[0], 403, mixed);
  assert.equal(
    (await get(beta.replace(objectOf(OF_BETA), `${objectOf(OWN)}/../../../../../../../x`)))[0],
    403,
  );
});

test("no other spelling of a path leads past the login", async (t) => {
  const { url } = await startWorld(t, "tokens");
  const paths = [
    `/${DETAILS}`,
    `${DETAILS}/`,
    `/x/..${DETAILS}`,
    `/healthz/..${DETAILS}`,
    `/healthz;${DETAILS}`,
    `/%2e%2e${DETAILS}`,
    DETAILS.replace("f", "%66"),
    DETAILS.replace("f", "%2566"),
    DETAILS.toUpperCase(),
    DETAILS.toLowerCase(),
    `${url}${DETAILS}`,
    `/t/x/t/y${DETAILS}`,
    `/%74/x${DETAILS}`,
    `/t%2fx${DETAILS}`,
    `/v2/assets/../domain/development/project/alpha/runs`,
    `/v2/assets/%2e%2e/%2e%2e/store.sqlite`,
    `/v2/assets/..%2f..%2f..%2fpackage.json`,
    `/v2/assets/__proto__`,
    `/v2/assets/constructor`,
    `/V2`,
    `//v2`,
    `/v2//`,
    `/login/../v2`,
    `/boxkite/../v2`,
    `/boxkite/`,
    `/Boxkite/alpha`,
    `/BOXKITE`,
    `/oauth2/token/`,
    `/v2/domain/development/project/alpha/runs/r/conditions/..%2f..`,
    `/v2/domain/%E0%A4%A/project/alpha/runs`,
    `/v2/domain/development/project/%00/runs`,
    `*`,
  ];
  for (const method of ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "PROPFIND"])
    for (const path of paths) {
      const { status, headers, text } = await send(url, {
        method,
        path,
        headers: { origin: url, "content-type": "application/json", "content-length": 2 },
        body: "{}",
      });
      const toLogin = status === 303 && String(headers.location).startsWith("/login");
      assert.ok(
        toLogin || [400, 401, 403, 404, 405, 415, 501].includes(status),
        `${method} ${path}: ${status}`,
      );
      assert.ok(!/SQLite|"dependencies"/u.test(text), path);
      assert.equal(headers["access-control-allow-origin"], undefined, path);
    }
});

test("a page of another origin changes nothing: forms, methods, sign-out, framing", async (t) => {
  const { url, ofAlpha } = await subject(t);
  const evil = { origin: "http://evil.example", cookie: ofAlpha.cookie };
  const form = (path: string, headers: object, body = "") =>
    send(url, {
      method: "POST",
      path,
      headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
      body,
    });
  const run = `${PAGE("alpha")}/${OWN.run}`;
  for (const path of ["/login", "/logout", `${run}/abort`, `${run}/answer`, `${run}/conditions/x`]) {
    for (const headers of [evil, { ...evil, origin: "null" }, { origin: "http://evil.example" }]) {
      const { status, headers: answer } = await form(path, headers);
      assert.ok([401, 403].includes(status), `${path}: ${status}`);
      // Nobody is signed in or out from elsewhere, either.
      assert.equal(answer["set-cookie"], undefined, path);
    }
    for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
      if (path === "/login" && (method === "GET" || method === "HEAD")) continue;
      const asked = {
        method,
        path: `${path}?_method=POST`,
        headers: { ...evil, "x-http-method-override": "POST" },
      };
      assert.equal((await send(url, asked)).status, 405, `${method} ${path}`);
    }
  }
  // What browsers send without asking before is not taken for a call.
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
    const { status } = await form(DETAILS, { ...evil, "content-type": type }, "{}");
    assert.equal(status, 415, type);
  }
  for (const path of ["/v2", run, "/login"]) {
    const { headers } = await send(url, { method: "GET", path, headers: { cookie: ofAlpha.cookie } });
    const policy = String(headers["content-security-policy"]);
    assert.match(policy, /default-src 'none'.*form-action 'self'.*frame-ancestors 'none'/u, path);
    assert.doesNotMatch(policy, /unsafe/u);
  }
});

test("no header and no page is made of what a request says", async (t) => {
  const { url, ofAlpha } = await subject(t);
  const get = (path: string, headers: object = {}) =>
    send(url, { method: "GET", path, headers: { cookie: ofAlpha.cookie, ...headers } });
  const script = encodeURIComponent(`"><script>alert(1)</script>`);
  for (const path of [
    `${PAGE("alpha")}?by=${script}`,
    `${PAGE("alpha")}?status=${script}`,
    `${PAGE("alpha")}?page=${script}`,
    `${PAGE(script)}`,
    `${PAGE("alpha")}/${script}`,
    `${PAGE("alpha")}/${OWN.run}?i=${script}`,
    `${PAGE("alpha")}/${OWN.run}?attempt=${script}`,
    `/login?next=${script}`,
    `/login?next=/v2?${script}`,
    `/v2/${script}`,
    `/${script}`,
  ]) {
    const { text, headers } = await get(path);
    assert.ok(
      !text.includes("<script>alert") || String(headers["content-type"]).startsWith("text/plain"),
      path,
    );
    assert.equal(headers["x-content-type-options"], "nosniff", path);
  }
  for (const next of [
    "//evil.example",
    "/\\evil.example",
    "/v2\\..\\\\evil.example",
    "https://evil.example/v2",
    "/v2@evil.example",
    "/v2.evil.example",
    "/v2\r\nset-cookie: x=y",
    "/v2/\u2028",
    "javascript:alert(1)",
    " /v2",
  ]) {
    const { text } = await get(`/login?next=${encodeURIComponent(next)}`);
    assert.match(text, /name="next" value="\/v2"/u, next);
  }
  const encoded = await get("/v2/domain/development/project/a%0d%0aset-cookie:x=y");
  assert.equal(encoded.headers["set-cookie"], undefined);
  assert.match(String(encoded.headers.location), /%0D%0A/u);
  for (const host of [
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "localhost@evil.example",
  ])
    assert.equal((await get("/v2", { host })).status, 421, host);
  const { text } = await send(url, {
    ...json({}),
    path: "/flyteidl2.auth.AuthMetadataService/GetOAuth2Metadata",
    headers: {
      "content-type": "application/json",
      "x-boxkite-origin": "https://evil.example",
      "x-forwarded-host": "evil.example",
      forwarded: "host=evil.example;proto=https",
    },
  });
  assert.doesNotMatch(text, /evil/u);
});

test("a request that can be read in two ways is refused", async (t) => {
  const { url } = await startWorld(t, "tokens");
  const { hostname, port } = new URL(url);
  const raw = async (...lines: string[]) => {
    const socket = connectTcp(Number(port), hostname);
    socket.end(lines.join("\r\n"));
    let text = "";
    socket.setEncoding("utf8").on("data", (part: string) => (text += part));
    // A refusal before the end of what was sent resets the connection.
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("close", resolve));
    return text;
  };
  const head = ["POST /livez HTTP/1.1", "host: localhost"];
  const second = "GET /v2/healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
  for (const framing of [
    ["content-length: 5", "transfer-encoding: chunked"],
    ["content-length: 5", "content-length: 6"],
    ["transfer-encoding: chunked, identity"],
    ["transfer-encoding: xchunked"],
    ["transfer-encoding : chunked"],
    ["content-length: +5"],
    ["content-length: 5,6"],
    [" folded: x"],
    ["x: a\nb: c"],
  ]) {
    const answer = await raw(...head, ...framing, "", "0", "", second);
    assert.match(answer, /^HTTP\/1\.1 4/u, framing.join());
    // What follows is no second request.
    assert.equal(answer.split("HTTP/1.1 ").length, 2, framing.join());
  }
  assert.doesNotMatch(
    await raw("GET /livez HTTP/1.1", `x: ${"y".repeat(70_000)}`, "", ""),
    /^HTTP\/1\.1 200/u,
  );

  const session = connect(url);
  t.after(() => session.close());
  for (const headers of [
    { ":path": "/v2", ":authority": "evil.example" },
    { ":method": "CONNECT", ":authority": "evil.example:80" },
    { ":path": DETAILS, ":method": "GET" },
    { ":path": `${url}${DETAILS}` },
  ]) {
    const stream = session.request(headers);
    const status = await new Promise<unknown>((resolve) => {
      stream.on("response", (answer) => resolve(answer[":status"]));
      stream.on("error", () => resolve("refused by the connection"));
      stream.on("close", () => resolve("closed"));
    });
    stream.destroy();
    assert.notEqual(status, 200, JSON.stringify(headers));
  }
});
