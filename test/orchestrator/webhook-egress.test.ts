/** Requests for a run depend on who started it: this machine's addresses are for whoever works at it. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { NO_RETRIES } from "../../src/domain/action.ts";
import { ROOT_ACTION } from "../../src/domain/ids.ts";
import { EVERYONE, LOCAL, type Authority } from "../../src/domain/principal.ts";
import { NO_SETTINGS, type RunSettings } from "../../src/domain/run.ts";
import { createEgressRule } from "../../src/lib/egress.ts";
import { startReceiver } from "../helpers/receiver.ts";
import { until } from "../helpers/until.ts";
import { newTask, orchestratorSubject } from "./subject.ts";

const CI: Authority = { kind: "token", id: "ci" };

async function started(t: TestContext) {
  const receiver = await startReceiver(t);
  const asked: [reference: string, isTrusted: boolean | undefined][] = [];
  const egress = createEgressRule({
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

test("so is the webhook of a condition, by the caller of its run", async (t) => {
  const { receiver, create, orchestrator, reached } = await started(t);
  const effects = [
    { type: "sendWebhook", request: { method: "POST", url: `${receiver.url}/c`, headers: {}, body: "" } },
  ] as const;
  const condition = { ...newTask("c", ROOT_ACTION, {}, Date.now()), effects };
  const { run: theirs } = await create("theirs", CI, "http://public.example/");
  await reached("theirs", "running");
  await assert.rejects(orchestrator.enqueue(theirs, condition, LOCAL), { code: "EGRESS_DENIED" });
  const { run: own } = await create("own", EVERYONE, "http://public.example/");
  await reached("own", "running");
  await orchestrator.enqueue(own, condition, LOCAL);
  await until(async () => receiver.received.length === 1);
});
