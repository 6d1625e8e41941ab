/** A server that asks for tokens: what shows one, what a role may do, and how everything ends with its token. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import type { Grant } from "../../src/domain/access-token.ts";
import { BUILD_TASK } from "../../src/services/build-task.ts";
import { createToken } from "../../src/server/create-token.ts";
import { STORE_FILE } from "../../src/server/store-file.ts";
import { presign } from "../../src/lib/sigv4-signer.ts";
import type { Credentials } from "../../src/orchestrator/access-keys.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { AuthMetadataService } from "../../src/wire/gen/flyteidl2/auth/auth_service_pb.js";
import { IdentityService } from "../../src/wire/gen/flyteidl2/auth/identity_pb.js";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { ProjectService } from "../../src/wire/gen/flyteidl2/project/project_service_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { TaskService } from "../../src/wire/gen/flyteidl2/task/task_service_pb.js";
import { taskSpec } from "../../bench/helpers/requests.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { BOXKITE } from "../helpers/server.ts";
import { runProgram, succeeded } from "../helpers/stock-sdk.ts";

const PROJECT = { project: "flytesnacks", domain: "development" };
const byProject = { case: "projectId", value: { name: PROJECT.project, domain: PROJECT.domain } } as const;
const spec = taskSpec({ command: ["true"] });

async function start(t: TestContext) {
  const server = await startInProcess(t, createFakeExecutor(), { auth: "tokens" });
  // As boxkite token does: beside the server, by a connection of its own.
  const store = openSqliteStore(`${server.directory}/${STORE_FILE}`);
  t.after(() => store.close());
  const create = async (name: string, ...grants: Grant[]) =>
    createToken(store, { name, grants, expiresAt: undefined, createdBy: "me", at: Date.parse("2026-01-01") });
  const transportOf = (token: string | undefined, path = "") => {
    const show: Interceptor = (next) => (request) => {
      if (token !== undefined) request.header.set("authorization", `Bearer ${token}`);
      return next(request);
    };
    return createConnectTransport({ baseUrl: server.url + path, httpVersion: "1.1", interceptors: [show] });
  };
  const clientsOf = (token: string | undefined, path?: string) => {
    const transport = transportOf(token, path);
    return {
      identity: createClient(IdentityService, transport),
      projects: createClient(ProjectService, transport),
      runs: createClient(RunService, transport),
      tasks: createClient(TaskService, transport),
      data: createClient(DataProxyService, transport),
      auth: createClient(AuthMetadataService, transport),
    };
  };
  return { ...server, store, create, clientsOf };
}

const isCode = (code: Code) => (error: unknown) => {
  assert.equal(ConnectError.from(error).code, code, String(error));
  return true;
};

test("a call without a token is refused, except for how to get one; a token is taken in a header and in the path", async (t) => {
  const { clientsOf, firstToken } = await start(t);
  const stranger = clientsOf(undefined);
  await assert.rejects(stranger.projects.listProjects({}), (error: unknown) => {
    assert.match(String(error), /asks for a token/u);
    return isCode(Code.Unauthenticated)(error);
  });
  assert.match((await stranger.auth.getOAuth2Metadata({})).tokenEndpoint, /^http:.*\/oauth2\/token$/u);
  assert.equal((await stranger.auth.getPublicClientConfig({})).authorizationMetadataKey, "authorization");
  const changed = firstToken.replace(/.$/u, (last) => (last === "0" ? "1" : "0"));
  for (const wrong of [changed, "x", firstToken.slice(0, -1)]) {
    await assert.rejects(clientsOf(wrong).projects.listProjects({}), isCode(Code.Unauthenticated));
    await assert.rejects(
      clientsOf(undefined, `/t/${wrong}`).projects.listProjects({}),
      isCode(Code.Unauthenticated),
    );
  }
  for (const clients of [clientsOf(firstToken), clientsOf(undefined, `/t/${firstToken}`)]) {
    const who = await clients.identity.userInfo({});
    assert.deepEqual([who.subject, who.name], ["admin", "admin"]);
    assert.deepEqual(who.additionalClaims?.["roles"], ["admin of everything"]);
  }
});

test("a role may do what its table says, in its project and domain", async (t) => {
  const { clientsOf, create, firstToken } = await start(t);
  await clientsOf(firstToken).projects.createProject({ project: { id: "other" } });
  const { project, domain } = PROJECT;
  const tokens = {
    viewer: await create("viewer", { role: "viewer", project }),
    runner: await create("runner", { role: "runner", project, domain }),
    deployer: await create("deployer", { role: "deployer", project }),
    elsewhere: await create("elsewhere", { role: "admin", project: "other" }),
  };
  const run = (name: string, token: string) =>
    clientsOf(token).runs.createRun({
      id: { case: "runId", value: { ...PROJECT, name } },
      task: { case: "taskSpec", value: spec },
    });
  const deploy = (token: string) =>
    clientsOf(token).tasks.deployTask({ taskId: { ...PROJECT, name: "t", version: "1" }, spec });
  const listed = (token: string) => clientsOf(token).runs.listRuns({ scopeBy: byProject });
  const denied = isCode(Code.PermissionDenied);

  await assert.rejects(run("r-viewer", tokens.viewer.text), (error: unknown) => {
    assert.match(String(error), /token viewer may not create .*needs the role runner/u);
    return denied(error);
  });
  await run("r-runner", tokens.runner.text);
  await assert.rejects(deploy(tokens.runner.text), denied);
  await deploy(tokens.deployer.text);
  await assert.rejects(
    clientsOf(tokens.deployer.text).projects.createProject({ project: { id: "third" } }),
    denied,
  );
  for (const token of [tokens.viewer, tokens.runner, tokens.deployer])
    assert.deepEqual(
      (await listed(token.text)).runs.map((each) => each.action?.id?.run?.name),
      ["r-runner"],
    );
  await assert.rejects(listed(tokens.elsewhere.text), denied);
  await assert.rejects(run("r", tokens.elsewhere.text), denied);
  const seen = await clientsOf(tokens.elsewhere.text).projects.listProjects({});
  assert.deepEqual(
    seen.projects?.projects.map(({ id }) => id),
    ["other"],
  );
  // A runner of one domain may not do anything in another.
  await assert.rejects(
    clientsOf(tokens.runner.text).runs.createRun({
      id: { case: "runId", value: { project, domain: "production", name: "r" } },
      task: { case: "taskSpec", value: spec },
    }),
    denied,
  );
  // "Mine".
  const mine = await clientsOf(tokens.viewer.text).runs.listRuns({
    scopeBy: byProject,
    request: { filters: [{ field: "created_by", values: ["runner"] }] },
  });
  assert.equal(mine.runs.length, 1);
  const [only] = mine.runs;
  const by = only?.action?.metadata?.executedBy?.principal;
  assert.equal(by?.case === "user" && by.value.id?.subject, "runner");
});

test("an image build is read by those of its project; of the server's own, everybody reads the build task only", async (t) => {
  const { url, clientsOf, create, firstToken } = await start(t);
  const admin = clientsOf(firstToken);
  for (const id of ["other", BUILD_TASK.project]) await admin.projects.createProject({ project: { id } });
  const runner = clientsOf((await create("runner", { role: "runner", project: PROJECT.project })).text);
  const { text: otherToken } = await create("elsewhere", { role: "admin", project: "other" });
  const other = clientsOf(otherToken);
  const taskId = { ...BUILD_TASK, version: "0.0.0" };
  for (const each of [runner, other]) assert.ok((await each.tasks.getTaskDetails({ taskId })).details);

  const system = { project: BUILD_TASK.project, domain: BUILD_TASK.domain };
  const build = { ...PROJECT, name: "build" };
  const inSystem = { ...system, name: "build" };
  for (const [{ runs }, runId] of [
    [runner, build],
    [admin, inSystem],
  ] as const)
    await runs.createRun({
      id: { case: "runId", value: runId },
      task: { case: "taskId", value: taskId },
    });
  assert.ok((await runner.runs.getRunDetails({ runId: build })).details);
  const denied = isCode(Code.PermissionDenied);
  for (const runId of [build, inSystem]) {
    const actionId = { run: runId, name: "a0" };
    await assert.rejects(other.runs.getRunDetails({ runId }), denied);
    await assert.rejects(other.data.getActionData({ actionId }), denied);
    await assert.rejects(Array.fromAsync(other.data.tailLogs({ actionId, attempt: 1 })), denied);
    await assert.rejects(other.runs.abortRun({ runId }), denied);
    const page = `${url}/v2/domain/${runId.domain}/project/${runId.project}/runs/${runId.name}`;
    const headers = { authorization: `Bearer ${otherToken}` };
    for (const path of [page, `${page}/log`])
      assert.equal((await fetch(path, { headers })).status, 403, path);
  }
  const projectId = { name: system.project, domain: system.domain };
  await assert.rejects(other.runs.listRuns({ scopeBy: { case: "projectId", value: projectId } }), denied);
  await assert.rejects(other.tasks.deployTask({ taskId: { ...taskId, version: "mine" }, spec }), denied);
});

test("an access token is given for a token by OAuth's client credentials, and ends with it", async (t) => {
  const { url, store, clientsOf, create } = await start(t);
  const { token, text } = await create("ci", { role: "viewer", project: PROJECT.project });
  const ask = (id: string, secret: string) =>
    fetch(`${url}/oauth2/token`, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}` },
      body: new URLSearchParams({ grant_type: "client_credentials", scope: "" }),
    });
  for (const id of ["ci", token.id]) {
    const answer = (await (await ask(id, text)).json()) as Record<string, unknown>;
    assert.equal(answer["token_type"], "Bearer");
    assert.equal((await clientsOf(String(answer["access_token"])).identity.userInfo({})).name, "ci");
  }
  const refused = await ask("other", text);
  assert.equal(refused.status, 401);
  assert.equal(((await refused.json()) as { error: string }).error, "invalid_client");
  const { access_token: access } = (await (await ask("ci", text)).json()) as { access_token: string };
  const watch = clientsOf(access).runs.watchRuns({ target: byProject })[Symbol.asyncIterator]();
  const cut = assert.rejects(Array.fromAsync({ [Symbol.asyncIterator]: () => watch }));
  await clientsOf(access).identity.userInfo({});
  await store.revokeToken(token.id, 1);
  await cut;
  await assert.rejects(clientsOf(access).identity.userInfo({}), isCode(Code.Unauthenticated));
});

test("what was opened with a token ends with it: a watch, a page's stream", async (t) => {
  const { url, store, clientsOf, create } = await start(t);
  const { token, text } = await create("ci", { role: "runner", project: PROJECT.project });
  const { runs } = clientsOf(text);
  const runId = { ...PROJECT, name: "r" };
  await runs.createRun({ id: { case: "runId", value: runId }, task: { case: "taskSpec", value: spec } });
  const watch = runs.watchRunDetails({ runId })[Symbol.asyncIterator]();
  assert.equal((await watch.next()).done, false);
  const cookie = await signedIn(url, text);
  const stream = `${url}/v2/domain/development/project/flytesnacks/runs/r/stream`;
  const request = get(stream, { headers: { cookie } });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  const cut = assert.rejects(buffer(response));
  await store.setTokenGrants(token.id, [{ role: "viewer", project: PROJECT.project }]);
  await assert.rejects(Array.fromAsync({ [Symbol.asyncIterator]: () => watch }));
  await cut;
  // It may still read, and opens both again; but it may not start runs.
  assert.equal((await runs.getRunDetails({ runId })).details?.action?.id?.name, "a0");
  await assert.rejects(runs.createRun({ id: byProject, task: { case: "taskSpec", value: spec } }));
});

test("people sign in and out on a page without scripts; every form has a token of its session", async (t) => {
  const { url, create, clientsOf } = await start(t);
  const { text } = await create("alice", { role: "runner", project: PROJECT.project });
  const runId = { ...PROJECT, name: "r" };
  await clientsOf(text).runs.createRun({
    id: { case: "runId", value: runId },
    task: { case: "taskSpec", value: spec },
  });
  const path = "/v2/domain/development/project/flytesnacks/runs/r";
  const bare = await fetch(url + path, { redirect: "manual" });
  assert.equal(bare.status, 303);
  assert.equal(bare.headers.get("location"), `/login?next=${encodeURIComponent(path)}`);
  assert.equal((await fetch(`${url}${path}/stream`)).status, 401);
  const form = await fetch(`${url}/login?next=${encodeURIComponent(path)}`);
  assert.match(form.headers.get("content-security-policy") ?? "", /default-src 'none'.*form-action 'self'/u);
  assert.match(await form.text(), new RegExp(`name="next" value="${path}"`, "u"));
  assert.match(await (await fetch(`${url}/login?next=//evil.example/x`)).text(), /name="next" value="\/v2"/u);

  const wrong = await post(url, "/login", { token: "bkt_wrong", next: path });
  assert.equal(wrong.status, 401);
  const elsewhere = await post(url, "/login", { token: text }, { origin: "http://evil.example" });
  assert.equal(elsewhere.status, 403);
  const entered = await post(url, "/login", { token: text, next: path });
  assert.deepEqual([entered.status, entered.headers.get("location")], [303, path]);
  const set = entered.headers.get("set-cookie") ?? "";
  assert.match(set, /^boxkite_session=[\w-]+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Lax$/u);
  const cookie = set.split(";")[0] ?? "";

  const page = await (await fetch(url + path, { headers: { cookie } })).text();
  assert.match(page, /alice/u);
  assert.match(page, /Started by<\/dt>\s*<dd>[^]*alice/u);
  const token = /name="form-token" value="([\w-]+)"/u.exec(page)?.[1] ?? "";
  const forms = page.split("</form>").slice(0, -1);
  assert.equal(forms.length, 2);
  for (const each of forms) assert.match(each, /name="form-token"/u);
  // The cookie opens pages only: another origin could make a browser send a call.
  const call = await fetch(`${url}/flyteidl2.auth.IdentityService/UserInfo`, {
    method: "POST",
    headers: { cookie, "content-type": "application/json" },
    body: "{}",
  });
  assert.equal(call.status, 401);

  for (const fields of [{}, { "form-token": "wrong" }]) {
    assert.equal((await post(url, `${path}/abort`, fields, { cookie })).status, 403);
    assert.equal((await post(url, "/logout", fields, { cookie })).status, 403);
  }
  // A browser sends no cookie with a form of another site, and would forget it by an answer that clears it.
  const bySite = await post(url, "/logout", {}, { origin: "http://evil.example" });
  assert.deepEqual([bySite.status, bySite.headers.get("set-cookie")], [403, null]);
  assert.equal((await post(url, `${path}/abort`, { "form-token": token }, { cookie })).status, 303);
  const left = await post(url, "/logout", { "form-token": token }, { cookie });
  assert.equal(left.headers.get("location"), "/login");
  assert.equal((await fetch(url + path, { headers: { cookie }, redirect: "manual" })).status, 303);
});

test("ten wrong tokens a minute from one address are the most", async (t) => {
  const { url, firstToken, clientsOf } = await start(t);
  const wrong = "bkt_".padEnd(61, "x");
  const statuses: number[] = [];
  for (let n = 0; n < 11; n++) statuses.push((await post(url, "/login", { token: wrong })).status);
  assert.deepEqual(statuses, [...Array<number>(10).fill(401), 429]);
  const late = await post(url, "/login", { token: firstToken });
  assert.equal(late.status, 429);
  assert.ok(Number(late.headers.get("retry-after")) > 0);
  await assert.rejects(clientsOf(wrong).projects.listProjects({}), isCode(Code.ResourceExhausted));
  // Programs with a valid token share the address with whoever guesses.
  await clientsOf(firstToken).projects.listProjects({});
});

test("S3 keys of a token open what it may read and write, and end with it", async (t) => {
  const { url, directory, store, clientsOf, create } = await start(t);
  const { project } = PROJECT;
  const { token, text } = await create("ci", { role: "runner", ...PROJECT });
  const viewer = await create("viewer", { role: "viewer", project });
  const keysOf = async (name: string): Promise<Credentials> =>
    JSON.parse(
      succeeded(
        await runProgram(
          process.execPath,
          [BOXKITE, "credentials", "--data", directory, "--token", name, "--format", "json"],
          { cwd: directory, env: {} },
        ),
      ).stdout,
    ) as Credentials;
  const [own, viewing] = [await keysOf("ci"), await keysOf(viewer.token.id)];
  const send = async (keys: Credentials, method: "GET" | "PUT", key: string) => {
    const signed = presign({
      ...keys,
      method,
      origin: url,
      bucket: "boxkite",
      key,
      expiresInSeconds: 60,
      nowMs: Date.now(),
    });
    const answer = await fetch(signed, { method, ...(method === "PUT" && { body: "x" }) });
    await answer.body?.cancel();
    return answer.status;
  };
  const key = `${project}/development/file`;
  assert.equal(await send(own, "PUT", key), 200);
  assert.equal(await send(own, "GET", key), 200);
  assert.equal(await send(viewing, "GET", key), 200);
  assert.equal(await send(viewing, "PUT", key), 403);
  assert.equal(await send(own, "PUT", `${project}/production/file`), 403);
  assert.equal(await send(own, "GET", "other/development/file"), 403);
  const watch = clientsOf(text).runs.watchRuns({ target: byProject });
  await store.revokeToken(token.id, 1);
  await assert.rejects(Array.fromAsync(watch));
  assert.equal(await send(own, "GET", key), 403);
});

function post(url: string, path: string, fields: Record<string, string>, headers = {}): Promise<Response> {
  return fetch(url + path, {
    method: "POST",
    redirect: "manual",
    headers: { origin: url, ...headers },
    body: new URLSearchParams(fields),
  });
}

async function signedIn(url: string, token: string): Promise<string> {
  return (await post(url, "/login", { token })).headers.get("set-cookie")?.split(";")[0] ?? "";
}
