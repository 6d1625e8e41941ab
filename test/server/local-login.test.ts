/**
 * Where containers come over loopback, as people do: what their own listener takes, and what people have to show. That
 * real containers come so is tried in test/executors/loopback-containers.test.ts.
 */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { join } from "node:path";
import { systemClock } from "../../src/lib/clock.ts";
import { presign } from "../../src/lib/sigv4-signer.ts";
import { rotateSigningKeys } from "../../src/orchestrator/stored-signing-keys.ts";
import { tokenPath } from "../../src/executors/plain-environment.ts";
import { classWithoutBridges, type Reach } from "../../src/platform/reach.ts";
import { STORE_FILE } from "../../src/server/store-file.ts";
import { userCredentials } from "../../src/server/user-credentials.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { asAttempt } from "../helpers/attempt-objects.ts";
import { auditLines } from "../helpers/audit-lines.ts";
import { createFakeExecutor, type FakeAttempt } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { startTask } from "../helpers/running-task.ts";
import { signingKeysIn } from "../helpers/signing-keys.ts";
import { until } from "../helpers/until.ts";

const PROJECT = { project: "flytesnacks", domain: "development" };
const RUNS = "/v2/domain/development/project/flytesnacks/runs";
const LIST = "/flyteidl2.project.ProjectService/ListProjects";
const WHO = "/flyteidl2.auth.IdentityService/UserInfo";
const METADATA = "/flyteidl2.auth.AuthMetadataService/GetOAuth2Metadata";

/** As of a rootless engine: everybody is of this machine. */
const reach: Reach = { listenAt: "127.0.0.1", accepts: () => true, classOf: classWithoutBridges };

async function start(t: TestContext, auth: "off" | "tokens" = "off") {
  const executor = createFakeExecutor();
  const server = await startInProcess(t, executor, {
    auth,
    reach,
    taskReach: reach,
  });
  const secret = auth === "off" ? server.localSecret : server.firstToken;
  const transport = createConnectTransport({
    baseUrl: server.url + tokenPath(secret),
    httpVersion: "1.1",
  });
  const attempt = await startTask(transport, executor, "r");
  return { ...server, attempt };
}

const pathOf = ({ spec: { env } }: FakeAttempt) => `/${env["_U_EP_OVERRIDE"]?.split(/\/(.*)/su, 2)[1]}`;

async function call(url: string, headers: Record<string, string> = {}) {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: "{}",
  });
  const text = await answer.text();
  return { status: answer.status, text };
}

async function read(url: string, headers: Record<string, string> = {}) {
  const answer = await fetch(url, { headers: { accept: "text/html", ...headers }, redirect: "manual" });
  await answer.body?.cancel();
  return { status: answer.status, headers: answer.headers };
}

test("the listener of tasks takes their tokens, their keys and links, and health, and nothing else", async (t) => {
  const { url, taskUrl, directory, attempt, localSecret } = await start(t);
  assert.equal((await call(taskUrl + pathOf(attempt) + WHO)).status, 200);
  for (const path of ["/livez", "/healthz"]) assert.equal((await read(taskUrl + path)).status, 200, path);

  const secret = tokenPath(localSecret);
  for (const path of [
    LIST,
    METADATA,
    "/login",
    "/logout",
    "/oauth2/token",
    "/",
    RUNS,
    "/boxkite/x",
    secret + LIST,
  ]) {
    const refused = await call(taskUrl + path, { authorization: `Bearer ${localSecret}` });
    assert.equal(refused.status, 401, path);
    assert.match(refused.text, /"unauthenticated".*for task containers.*; hint: .*init_in_cluster/u, path);
  }
  for (const path of [RUNS, secret + RUNS, "/login"]) assert.equal((await read(taskUrl + path)).status, 401);
  const refusal = auditLines(directory).find(({ call }) => call === "ProjectService/ListProjects");
  assert.equal(refusal?.result, "UNAUTHENTICATED");
  assert.match(refusal.message ?? "", /this port is for task containers/u);

  // Objects: with the attempt's keys and with links; a person's keys are for the port of people.
  const own = "s3://boxkite/flytesnacks/development/runs/r/a0/1/x";
  assert.equal(await asAttempt(taskUrl, attempt, "PUT", own), 200);
  assert.equal(await asAttempt(taskUrl, attempt, "PUT", "s3://boxkite/other/x"), 403);
  const tasks = createClient(
    DataProxyService,
    createConnectTransport({ baseUrl: taskUrl + pathOf(attempt), httpVersion: "1.1" }),
  );
  const upload = await tasks.createUploadLocation({ ...PROJECT, org: "", filename: "f", filenameRoot: "g" });
  assert.ok(upload.signedUrl.startsWith(taskUrl), upload.signedUrl);
  const headers = upload.headers;
  const sent = await fetch(upload.signedUrl, { method: "PUT", body: "x", headers });
  assert.equal(sent.status, 200, await sent.text());
  const keys = userCredentials(await signingKeysIn(directory), "");
  const signed = (origin: string) =>
    presign({
      ...keys,
      method: "GET",
      origin,
      bucket: "boxkite",
      key: "a",
      expiresInSeconds: 60,
      nowMs: Date.now(),
    });
  assert.equal((await read(signed(taskUrl))).status, 403);
  assert.equal((await read(signed(url))).status, 404, "a person's keys work as before, without a login");
});

test("people show the local login secret: in the path, as a bearer, by a cookie; a task's token is a task's anywhere", async (t) => {
  const { directory, url, attempt, localSecret } = await start(t);
  const nobody = await call(url + LIST);
  assert.equal(nobody.status, 401);
  assert.match(nobody.text, /asks for the local login secret.*; hint: run boxkite config create/u);
  const changed = localSecret.replace(/.$/u, (last) => (last === "A" ? "Q" : "A"));
  for (const wrong of [changed, "bkl.", "x", `bkt_${"x".repeat(57)}`]) {
    const answers = [
      await call(url + tokenPath(wrong) + LIST),
      await call(url + LIST, { authorization: `Bearer ${wrong}` }),
    ];
    for (const { status, text } of answers) {
      assert.equal(status, 401, wrong);
      assert.match(text, /is not valid.*boxkite config create --force/u);
    }
  }
  assert.equal((await call(url + tokenPath(localSecret) + LIST)).status, 200);
  assert.equal((await call(url + LIST, { authorization: `Bearer ${localSecret}` })).status, 200);

  // A task's token means the task, whichever port it is shown at.
  assert.equal((await call(url + pathOf(attempt) + WHO)).status, 200);
  assert.match((await call(url + pathOf(attempt) + LIST)).text, /permission_denied/u);

  const page = await read(url + RUNS);
  assert.deepEqual(
    [page.status, page.headers.get("location")],
    [303, `/login?next=${encodeURIComponent(RUNS)}`],
  );
  const followed = await read(`${url}${tokenPath(localSecret)}${RUNS}?by=local`);
  assert.deepEqual([followed.status, followed.headers.get("location")], [303, `${RUNS}?by=local`]);
  const signedIn = auditLines(directory).findLast(({ call }) => call === "sign-in");
  assert.deepEqual([signedIn?.kind, signedIn?.who, signedIn?.result], ["change", "local", "ok"]);
  const set = followed.headers.get("set-cookie") ?? "";
  assert.match(set, /^boxkite_session=[\w-]+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Lax$/u);
  assert.ok(!set.includes(localSecret.slice(4)));
  const cookie = set.split(";")[0] ?? "";
  assert.equal((await read(url + RUNS, { cookie })).status, 200);
  assert.equal((await call(url + LIST, { cookie })).status, 401, "a cookie opens pages only");
  const forged = cookie.replace(/\d/u, (digit) => String((Number(digit) + 1) % 10));
  assert.equal((await read(url + RUNS, { cookie: forged })).status, 303);
  assert.equal((await read(`${url}${tokenPath(changed)}${RUNS}`)).headers.get("set-cookie"), null);
  const program = await read(`${url}${tokenPath(localSecret)}${RUNS}`, { accept: "*/*" });
  assert.equal(program.status, 200, "programs keep no cookies");

  for (const [token, status] of [
    [changed, 401],
    [localSecret, 303],
  ] as const) {
    const answer = await fetch(`${url}/login`, {
      method: "POST",
      redirect: "manual",
      headers: { origin: url },
      body: new URLSearchParams({ token, next: RUNS }),
    });
    assert.equal(answer.status, status);
    assert.match(
      await answer.text(),
      status === 401 ? /Local login secret[^]*boxkite config create/u : /see/u,
    );
  }
});

test("with tokens people show theirs, and there is no local secret", async (t) => {
  const { url, taskUrl, firstToken, localSecret, attempt } = await start(t, "tokens");
  assert.equal(localSecret, "");
  assert.match((await call(url + LIST)).text, /asks for a token/u);
  assert.equal((await call(url + tokenPath(firstToken) + LIST)).status, 200);
  assert.equal((await call(taskUrl + tokenPath(firstToken) + LIST)).status, 401);
  assert.equal((await call(taskUrl + pathOf(attempt) + WHO)).status, 200);
});

test("a rotation of the signing keys ends the local secret and the sessions of it", async (t) => {
  const { url, taskUrl, directory, localSecret, attempt } = await start(t);
  const followed = await read(url + tokenPath(localSecret) + RUNS);
  const cookie = followed.headers.get("set-cookie")?.split(";")[0] ?? "";
  const store = openSqliteStore(join(directory, STORE_FILE));
  t.after(() => store.close());
  await rotateSigningKeys(store, systemClock, 0);
  await until(async () => (await call(url + tokenPath(localSecret) + LIST)).status === 401);
  assert.equal((await read(url + RUNS, { cookie })).status, 303);
  for (const port of [url, taskUrl])
    assert.match((await call(port + pathOf(attempt) + WHO)).text, /token in the path .* is not valid/u);
});
