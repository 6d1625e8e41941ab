/** Requests for a run depend on who asked for them: this machine's addresses are for whoever works at it, and no task does. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { NO_RETRIES } from "../../src/domain/action.ts";
import { ROOT_ACTION } from "../../src/domain/ids.ts";
import { EVERYONE, LOCAL, type Authority } from "../../src/domain/principal.ts";
import { NO_SETTINGS, type RunSettings } from "../../src/domain/run.ts";
import { createEgressAllowance, NOTHING_ALLOWED } from "../../src/lib/egress-allowance.ts";
import { createEgressRule } from "../../src/lib/egress.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { until } from "../helpers/until.ts";
import { newTask, orchestratorSubject } from "./subject.ts";

const CI: Authority = { kind: "token", id: "ci" };

async function started(t: TestContext, allowance = NOTHING_ALLOWED) {
  const receiver = await startReceiver(t);
  const asked: [reference: string, isTrusted: boolean | undefined][] = [];
  const egress = createEgressRule({
    allowance,
    resolve: (_name, _options, callback) => callback(null, [{ address: "127.0.0.1", family: 4 }]),
  });
  const subject = await orchestratorSubject(t, { egress });
  const { orchestrator, executor, reached, outbox } = subject;
  const { resolveImage } = executor;
  executor.resolveImage = (reference, isTrusted) => {
    asked.push([reference, isTrusted]);
    return resolveImage(reference);
  };
  const create = (run: string, authority: Authority, url: string, more: Partial<RunSettings> = {}) =>
    orchestrator.createRun(
      {
        key: { project: "p", domain: "development", run },
        spec: new Uint8Array(),
        settings: {
          ...NO_SETTINGS,
          ...more,
          notifications: [{ phases: ["succeeded"], request: { method: "POST", url, headers: {}, body: "" } }],
        },
        baseUri: `s3://b/${run}`,
        source: "",
        createdAt: Date.now(),
        createdBy: LOCAL,
        authority,
      },
      newTask(ROOT_ACTION, undefined, { policy: NO_RETRIES }, Date.now()),
    );
  const finish = async (run: string) => {
    await reached(run, "running");
    executor.end(ROOT_ACTION);
    await reached(run, "succeeded");
    await until(async () => (await outbox()) === 0);
  };
  return { ...subject, receiver, asked, create, finish };
}

test("a webhook to this machine is for a run of this machine's user: another's is refused, or not sent", async (t) => {
  const { receiver, asked, create, finish, store } = await started(t);
  const { port } = new URL(receiver.url);
  for (const host of ["127.0.0.1", "localhost", "0x7f.1"])
    await assert.rejects(create("refused", CI, `http://${host}:${port}/`), { code: "EGRESS_DENIED" }, host);
  const spawnedBy = { project: "p", domain: "development", run: "parent" };
  await assert.rejects(create("refused", EVERYONE, receiver.url, { spawnedBy }), { code: "EGRESS_DENIED" });
  assert.equal(await store.getRun({ project: "p", domain: "development", run: "refused" }), undefined);
  await create("denied", CI, `http://inside.example:${port}/denied`);
  await finish("denied");
  await create("sent", EVERYONE, `${receiver.url}/sent`);
  await finish("sent");
  assert.deepEqual(
    receiver.received.map(({ path }) => path),
    ["/sent"],
  );
  assert.deepEqual(asked, [
    ["image:1", false],
    ["image:1", true],
  ]);
});

const conditionWith = (name: string, url: string) => ({
  ...newTask(name, ROOT_ACTION, {}, Date.now()),
  effects: [{ type: "sendWebhook", request: { method: "POST", url, headers: {}, body: "" } }] as const,
});

test("the webhook of a condition is a task's, also in a run of this machine's user", async (t) => {
  const { receiver, create, orchestrator, reached, outbox } = await started(t);
  const { host, port } = new URL(receiver.url);
  for (const [name, authority] of [
    ["theirs", CI],
    ["own", EVERYONE],
  ] as const) {
    const { run } = await create(name, authority, "http://public.example/");
    await reached(name, "running");
    await assert.rejects(orchestrator.enqueue(run, conditionWith("c", receiver.url), LOCAL), {
      code: "EGRESS_DENIED",
      hint: `the server's operator can allow it in the settings file: egress: {allow: ["${host}"]}`,
    });
    await orchestrator.enqueue(run, conditionWith("d", `http://inside.example:${port}/`), LOCAL);
    await until(async () => (await outbox()) === 0);
  }
  assert.deepEqual(receiver.received, []);
});

test("the settings allow a receiver for the webhooks of tasks, by its name or its address", async (t) => {
  const receiver = await startReceiver(t);
  const { port, host } = new URL(receiver.url);
  const allowed = createEgressAllowance([host, `inside.example:${port}`]);
  const { create, orchestrator, reached } = await started(t, allowed);
  const { run } = await create("own", EVERYONE, "http://public.example/");
  await reached("own", "running");
  await orchestrator.enqueue(run, conditionWith("c", receiver.url), LOCAL);
  await orchestrator.enqueue(run, conditionWith("d", `http://inside.example:${port}/`), LOCAL);
  await until(async () => receiver.received.length === 2);
});
