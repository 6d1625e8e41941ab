/** The audit log of a server: who did what to what with which result, of every kind of caller. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test, type TestContext } from "node:test";
import { ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { AUDIT_DIRECTORY } from "../../src/audit/day-file.ts";
import type { AuditLine } from "../../src/audit/entry.ts";
import type { Grant } from "../../src/domain/access-token.ts";
import { createToken } from "../../src/server/create-token.ts";
import { STORE_FILE } from "../../src/server/store-file.ts";
import { tokenCredentials } from "../../src/server/user-credentials.ts";
import { presign } from "../../src/lib/sigv4-signer.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { ActionsService } from "../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { DataProxyService } from "../../src/wire/gen/flyteidl2/dataproxy/dataproxy_service_pb.js";
import { ProjectService } from "../../src/wire/gen/flyteidl2/project/project_service_pb.js";
import { TaskService } from "../../src/wire/gen/flyteidl2/task/task_service_pb.js";
import { RunService } from "../../src/wire/gen/flyteidl2/workflow/run_service_pb.js";
import { enqueueRequest, taskSpec } from "../../bench/helpers/requests.ts";
import { auditLines, auditText } from "../helpers/audit-lines.ts";
import { asAttempt } from "../helpers/attempt-objects.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { BOXKITE, temporaryDirectory } from "../helpers/server.ts";
import { signingKeysIn } from "../helpers/signing-keys.ts";
import { runProgram, succeeded } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

const PLACE = { project: "flytesnacks", domain: "development" };
const scope = "flytesnacks/development";
const spec = taskSpec({ command: ["true"] });
const runId = { ...PLACE, name: "r" };
const actionId = { run: runId, name: "a0" };

function clientsOf(baseUrl: string, token?: string) {
  const show: Interceptor = (next) => (request) => {
    if (token !== undefined) request.header.set("authorization", `Bearer ${token}`);
    request.header.set("user-agent", "a test");
    return next(request);
  };
  const transport = createConnectTransport({ baseUrl, httpVersion: "1.1", interceptors: [show] });
  return {
    actions: createClient(ActionsService, transport),
    data: createClient(DataProxyService, transport),
    projects: createClient(ProjectService, transport),
    runs: createClient(RunService, transport),
    tasks: createClient(TaskService, transport),
  };
}

async function start(t: TestContext) {
  const executor = createFakeExecutor();
  const server = await startInProcess(t, executor, { auth: "tokens" });
  const store = openSqliteStore(join(server.directory, STORE_FILE));
  t.after(() => store.close());
  const create = (name: string, ...grants: Grant[]) =>
    createToken(store, { name, grants, expiresAt: undefined, createdBy: "me", at: Date.now() });
  const audit = join(server.directory, AUDIT_DIRECTORY);
  return { ...server, executor, store, create, audit };
}

/** As `change ci RunService/CreateRun ok run flytesnacks/development/r`. */
function short({ kind, who, call, result, on }: AuditLine): string {
  const what = on.map((each) => `${each.kind} ${each.key}`).join(", ");
  return [kind, who, call, result, what].join(" ").trim();
}

/** The lines that the work adds. */
async function added(directory: string, work: () => Promise<unknown>): Promise<string[]> {
  const before = auditLines(directory).length;
  await work();
  return auditLines(directory).slice(before).map(short);
}

const failing = (work: Promise<unknown>) => assert.rejects(work, (error) => error instanceof ConnectError);

test("each kind of caller leaves its lines, and no secret is among them", async (t) => {
  const { url, directory, executor, create, firstToken } = await start(t);
  const ci = await create("ci", { role: "deployer", ...PLACE });
  const viewer = await create("ann", { role: "viewer", ...PLACE });
  const people = clientsOf(url, ci.text);
  const stranger = clientsOf(url);
  const secrets = [ci.text, viewer.text, firstToken];

  assert.match(short(auditLines(directory)[0] ?? assert.fail()), /^change \S+ boxkite up ok token admin$/u);
  assert.deepEqual(
    await added(directory, async () => {
      await people.runs.createRun({
        id: { case: "runId", value: runId },
        task: { case: "taskSpec", value: spec },
      });
      await people.tasks.deployTask({ taskId: { ...PLACE, name: "x.y", version: "1" }, spec });
      // Lists and watches that are allowed leave none.
      await people.runs.listRuns({
        scopeBy: { case: "projectId", value: { ...PLACE, name: PLACE.project } },
      });
      await people.runs.getRunDetails({ runId });
      for await (const _ of people.runs.watchRunDetails({ runId })) break;
      await people.data.getActionData({ actionId });
    }),
    [
      `change ci RunService/CreateRun ok place ${scope}, run ${scope}/r`,
      `change ci TaskService/DeployTask ok place ${scope}, task ${scope}/x.y/1`,
      `read ci DataProxyService/GetActionData ok action ${scope}/r/a0`,
    ],
  );
  const viewing = clientsOf(url, viewer.text);
  assert.deepEqual(
    await added(directory, async () => {
      await failing(viewing.runs.abortRun({ runId }));
      await failing(viewing.runs.listRuns({}));
      await failing(stranger.runs.abortRun({ runId }));
      await failing(Array.fromAsync(stranger.runs.watchRunDetails({ runId })));
      await failing(people.runs.abortRun({ runId: { ...runId, name: "missing" } }));
    }),
    [
      `denied ann RunService/AbortRun PERMISSION_DENIED run ${scope}/r`,
      "denied ann RunService/ListRuns PERMISSION_DENIED runs",
      `denied nobody RunService/AbortRun UNAUTHENTICATED run ${scope}/r`,
      `denied nobody RunService/WatchRunDetails UNAUTHENTICATED run ${scope}/r`,
      `change ci RunService/AbortRun RUN_NOT_FOUND run ${scope}/missing`,
    ],
  );
  const denied = auditLines(directory).find(({ who }) => who === "ann");
  assert.equal(denied?.identity, "token");
  assert.equal(denied?.token, viewer.token.id);
  assert.equal(denied?.from, "127.0.0.1");
  assert.equal(denied?.client, "a test");
  assert.match(denied?.message ?? "", /^token ann may not change run r of/u);

  await t.test("a task", async () => {
    await until(async () => {
      const { details } = await people.runs.getRunDetails({ runId });
      return details?.action?.status?.phase === ActionPhase.RUNNING;
    });
    const [attempt] = executor.started;
    assert.ok(attempt);
    const { env } = attempt.spec;
    const endpoint = env["_U_EP_OVERRIDE"] ?? "";
    secrets.push(endpoint.slice(endpoint.indexOf("/t/") + 3), env["FLYTE_AWS_SECRET_ACCESS_KEY"] ?? "");
    const task = clientsOf(url + endpoint.slice(endpoint.indexOf("/")));
    const who = `task ${scope}/r/a0`;
    const [own, other] = [`${scope}/runs/r/c1/inputs.pb`, `${scope}/runs/other/a0/1/outputs.pb`];
    assert.deepEqual(
      await added(directory, async () => {
        assert.equal(await asAttempt(url, attempt, "PUT", `s3://boxkite/${own}`), 200);
        await task.actions.enqueue(enqueueRequest("r", "c1", spec));
        await failing(task.actions.enqueue(enqueueRequest("other", "c1", spec)));
        assert.equal(await asAttempt(url, attempt, "GET", `s3://boxkite/${own}`), 200);
        assert.equal(await asAttempt(url, attempt, "PUT", `s3://boxkite/${other}`), 403);
      }),
      [
        `change ${who} S3/PutObject ok object ${own}`,
        `change ${who} ActionsService/Enqueue ok child ${scope}/r/c1`,
        `denied ${who} ActionsService/Enqueue PERMISSION_DENIED child ${scope}/other/c1`,
        `read ${who} S3/GetObject ok object ${own}`,
        `denied ${who} S3/PutObject AccessDenied object ${other}`,
      ],
    );
    const line = auditLines(directory).find(({ call }) => call === "ActionsService/Enqueue");
    assert.deepEqual([line?.identity, line?.attempt], ["attempt", `${scope}/r/a0/1`]);
  });

  await t.test("an S3 client, and links", async () => {
    const keys = tokenCredentials(await signingKeysIn(directory), viewer.token.id);
    secrets.push(keys.secretAccessKey);
    const send = async (method: "GET" | "PUT" | "DELETE", key: string, secret = keys.secretAccessKey) => {
      const signing = { origin: url, bucket: "boxkite", expiresInSeconds: 60, nowMs: Date.now() };
      const signed = presign({ ...keys, ...signing, secretAccessKey: secret, method, key });
      secrets.push(new URL(signed).searchParams.get("X-Amz-Signature") ?? "");
      const answer = await fetch(signed, { method, ...(method === "PUT" && { body: "x" }) });
      await answer.body?.cancel();
      return answer.status;
    };
    const key = `${scope}/file`;
    let uploaded = "";
    assert.deepEqual(
      await added(directory, async () => {
        assert.equal(await send("GET", key), 404);
        assert.equal(await send("DELETE", key), 403);
        assert.equal(await send("GET", key, "wrong"), 403);
        const filenameRoot = "root";
        const link = await people.data.createUploadLocation({ ...PLACE, filename: "f", filenameRoot });
        uploaded = link.nativeUrl.split("/uploads/")[1] ?? "";
        secrets.push(new URL(link.signedUrl).searchParams.get("X-Amz-Signature") ?? "");
        assert.equal((await fetch(link.signedUrl, { method: "PUT", body: "secret content" })).status, 200);
      }),
      [
        `read ann S3/GetObject NoSuchKey object ${key}`,
        `denied ann S3/DeleteObject AccessDenied object ${key}`,
        `denied nobody S3/GET SignatureDoesNotMatch object ${key}`,
        `change ci DataProxyService/CreateUploadLocation ok place ${scope}`,
        `change ci S3/PutObject ok object ${scope}/uploads/${uploaded}`,
      ],
    );
  });

  await t.test("a browser", async () => {
    const post = async (path: string, fields: Record<string, string>, cookie = "") => {
      const headers = { origin: url, cookie };
      return fetch(url + path, {
        method: "POST",
        redirect: "manual",
        headers,
        body: new URLSearchParams(fields),
      });
    };
    const page = `/v2/domain/${PLACE.domain}/project/${PLACE.project}/runs/r`;
    let cookie = "";
    assert.deepEqual(
      await added(directory, async () => {
        await post("/login", { token: `${viewer.text.slice(0, -1)}_` });
        cookie =
          (await post("/login", { token: viewer.text })).headers.get("set-cookie")?.split(";")[0] ?? "";
        await (await fetch(url + page, { headers: { cookie } })).text();
        const shown = await (await fetch(`${url}/v2`, { headers: { cookie } })).text();
        const formToken = /name="form-token" value="([^"]+)"/u.exec(shown)?.[1] ?? assert.fail(shown);
        secrets.push(cookie.split("=")[1] ?? "", formToken);
        await post(`${page}/abort`, { "form-token": formToken }, cookie);
        await post(`${page}/abort`, {}, cookie);
        await fetch(url + page, { redirect: "manual" });
        await post("/logout", { "form-token": formToken }, cookie);
        await post("/oauth2/token", {
          grant_type: "client_credentials",
          client_id: "ci",
          client_secret: ci.text,
        });
      }),
      [
        "denied nobody sign-in UNAUTHENTICATED",
        "change ann sign-in ok",
        `read ann page/run ok run ${scope}/r, action ${scope}/r/a0`,
        `denied ann page/abort PERMISSION_DENIED action ${scope}/r/a0`,
        "denied ann page/abort PERMISSION_DENIED",
        `denied nobody page/run UNAUTHENTICATED run ${scope}/r`,
        "change ann sign-out ok",
        "change ci token-exchange ok",
      ],
    );
  });

  await t.test("a name that is none of the server's", async () => {
    const lines = await added(directory, async () => {
      const asked = httpRequest(`${url}/v2`, { headers: { host: "evil.example" } }).end();
      const [answer] = (await once(asked, "response")) as [{ statusCode: number; resume(): void }];
      answer.resume();
      assert.equal(answer.statusCode, 421);
    });
    assert.deepEqual(lines, ["denied nobody request PERMISSION_DENIED"]);
  });

  await t.test("too many wrong tokens", async () => {
    const wrong = clientsOf(url, `${viewer.text.slice(0, -1)}_`);
    const lines = await added(directory, async () => {
      for (let tries = 0; tries < 12; tries++) await failing(wrong.runs.listRuns({}));
    });
    assert.equal(lines.length, 12);
    assert.match(lines[0] ?? "", /^denied nobody RunService\/ListRuns UNAUTHENTICATED/u);
    assert.equal(lines.at(-1), "denied nobody RunService/ListRuns QUOTA_EXCEEDED");
  });

  await t.test("commands beside the server", async () => {
    const boxkite = async (...args: string[]) =>
      succeeded(
        await runProgram(process.execPath, [BOXKITE, ...args, "--data", directory], {
          cwd: directory,
          env: {},
        }),
      ).stdout;
    const lines = await added(directory, async () => {
      secrets.push((await boxkite("token", "create", "new", "--role", "admin")).trim());
      await boxkite("token", "revoke", "new");
      await boxkite("keys", "rotate");
      await boxkite("credentials", "--project", "flytesnacks");
    });
    assert.deepEqual(
      lines.map((line) => line.replace(/^change \S+/u, "change")),
      [
        "change boxkite token create ok token new",
        "change boxkite token revoke ok token new",
        "change boxkite keys rotate ok server",
        "change boxkite credentials ok objects flytesnacks/",
      ],
    );
    const printed = async (...args: string[]) =>
      (await boxkite("audit", ...args))
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as AuditLine);
    assert.equal(await boxkite("audit"), auditText(directory));
    const ofAnn = await printed("--who", viewer.token.id, "--denied", "--project", PLACE.project);
    assert.deepEqual(ofAnn.map(short), [
      `denied ann RunService/AbortRun PERMISSION_DENIED run ${scope}/r`,
      `denied ann S3/DeleteObject AccessDenied object ${scope}/file`,
      `denied ann page/abort PERMISSION_DENIED action ${scope}/r/a0`,
    ]);
    assert.deepEqual(await printed("--since", "2100-01-01"), []);
    assert.deepEqual(await printed("--until", "1d"), []);
  });

  const text = auditText(directory);
  for (const secret of secrets) assert.ok(secret.length >= 8 && !text.includes(secret), secret);
  for (const content of ["secret content", "X-Amz", "BENCH_PADDING"])
    assert.ok(!text.includes(content), content);
});

test("where the log cannot be written, nothing is changed and no data is read, and everybody is told why", async (t) => {
  const { url, directory, audit, firstToken } = await start(t);
  const { projects, runs, data } = clientsOf(url, firstToken);
  await projects.createProject({ project: { id: "before" } });
  renameSync(audit, `${audit}-moved`);
  const health = await fetch(`${url}/healthz`);
  assert.equal(health.status, 503);
  assert.match(await health.text(), /the audit log in .* cannot be written/u);
  await assert.rejects(
    projects.createProject({ project: { id: "p" } }),
    /the audit log in .*; hint: restore/u,
  );
  await assert.rejects(data.getActionData({ actionId }), /the audit log/u);
  await assert.rejects(clientsOf(url).runs.listRuns({}), /the audit log/u);
  // What needs no line goes on.
  const { projects: listed } = (await projects.listProjects({})).projects ?? assert.fail();
  assert.deepEqual(listed.map(({ id }) => id).toSorted(), ["before", "flytesnacks"]);
  await runs.listRuns({ scopeBy: { case: "projectId", value: { ...PLACE, name: PLACE.project } } });
  renameSync(`${audit}-moved`, audit);
  await until(async () => (await fetch(`${url}/healthz`)).status === 200);
  await projects.createProject({ project: { id: "p" } });
  const made = auditLines(directory).filter(
    ({ call, result }) => call.endsWith("CreateProject") && result === "ok",
  );
  assert.deepEqual(
    made.flatMap(({ on }) => on.map(({ key }) => key)),
    ["before", "p"],
  );
});

test("after a kill, what was answered is in the log", async (t) => {
  const program = join(import.meta.dirname, "../../bench/helpers/enqueue-server.ts");
  const child = spawn(process.execPath, [program, "tokens"], {
    env: { ...process.env, TMPDIR: await temporaryDirectory(t) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  const [text] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const { port, data, token } = JSON.parse(text) as Record<"port" | "data" | "token", string>;
  t.after(() => rm(data, { recursive: true, force: true }));
  const { projects } = clientsOf(`http://127.0.0.1:${port}`, token);
  const answered: string[] = [];
  let asked = 0;
  /** Until the server is gone. */
  const createMany = async (): Promise<void> => {
    for (;;) {
      const id = `p${asked++}`;
      await projects.createProject({ project: { id } });
      answered.push(id);
      if (answered.length === 40) child.kill("SIGKILL");
    }
  };
  await Promise.allSettled(Array.from({ length: 16 }, createMany));
  assert.ok(answered.length >= 40, String(answered.length));
  const recorded = new Set(auditLines(data).flatMap(({ on }) => on.map(({ key }) => key)));
  assert.deepEqual(
    answered.filter((id) => !recorded.has(id)),
    [],
  );
});
