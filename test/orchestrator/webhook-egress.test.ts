/** Requests for a run depend on who started it: this machine's addresses are for whoever works at it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_RETRIES } from "../../src/domain/action.ts";
import { ROOT_ACTION } from "../../src/domain/ids.ts";
import { EVERYONE, LOCAL, type Authority } from "../../src/domain/principal.ts";
import { NO_SETTINGS } from "../../src/domain/run.ts";

import { startReceiver } from "../helpers/receiver.ts";
import { until } from "../helpers/until.ts";
import { newTask, orchestratorSubject } from "./subject.ts";

const CI: Authority = { kind: "token", id: "ci" };

test("a webhook to this machine is sent for a run of this machine's user, and for nobody else's", async (t) => {
  const receiver = await startReceiver(t);
  const asked: [reference: string, isTrusted: boolean | undefined][] = [];
  const { orchestrator, executor, reached, outbox } = await orchestratorSubject(t);
  const { resolveImage } = executor;
  executor.resolveImage = (reference, isTrusted) => {
    asked.push([reference, isTrusted]);
    return resolveImage(reference);
  };
  const start = async (run: string, authority: Authority) => {
    const request = { method: "POST", url: `${receiver.url}/${run}`, headers: {}, body: "" };
    await orchestrator.createRun(
      {
        key: { project: "p", domain: "development", run },
        spec: new Uint8Array(),
        settings: { ...NO_SETTINGS, notifications: [{ phases: ["succeeded"], request }] },
        baseUri: `s3://b/${run}`,
        source: "",
        createdAt: Date.now(),
        createdBy: LOCAL,
        authority,
      },
      newTask(ROOT_ACTION, undefined, { policy: NO_RETRIES }, Date.now()),
    );
    await reached(run, "running");
    executor.end(ROOT_ACTION);
    await reached(run, "succeeded");
    await until(async () => (await outbox()) === 0);
  };
  await start("denied", CI);
  await start("sent", EVERYONE);
  assert.deepEqual(
    receiver.received.map(({ path }) => path),
    ["/sent"],
  );
  assert.deepEqual(asked, [
    ["image:1", false],
    ["image:1", true],
  ]);
});
