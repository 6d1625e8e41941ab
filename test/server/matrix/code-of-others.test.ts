/** A child names its code: that of a deployed task only where the one who started the run may read it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createToken } from "../../../src/server/create-token.ts";
import { ActionsService } from "../../../src/wire/gen/flyteidl2/actions/actions_service_pb.js";
import { TaskService } from "../../../src/wire/gen/flyteidl2/task/task_service_pb.js";
import { taskSpec } from "../../../bench/helpers/requests.ts";
import { asAttempt } from "../../helpers/attempt-objects.ts";
import { userCredentials } from "../../../src/server/user-credentials.ts";
import { presign } from "../../../src/lib/sigv4-signer.ts";
import { until } from "../../helpers/until.ts";
import { OWN, pathOf } from "./callers.ts";
import { childOf, ELSEWHERE, furnish, HOME, startWorld } from "./world.ts";

const CODE = `${ELSEWHERE.project}/${ELSEWHERE.domain}/uploads/code/code.tgz`;
const URI = `s3://boxkite/${CODE}`;

test("a task gets the code of a deployed task only where its run's starter may read it", async (t) => {
  const world = await startWorld(t, "tokens");
  await furnish(world);
  const stored = presign({
    ...userCredentials(world.signingKeys, ""),
    method: "PUT",
    origin: world.url,
    bucket: "boxkite",
    key: CODE,
    expiresInSeconds: 60,
    nowMs: Date.now(),
  });
  assert.ok((await fetch(stored, { method: "PUT", body: "code" })).ok);
  const spec = taskSpec({ command: ["true"] });
  if (spec.taskTemplate?.target.case === "container") spec.taskTemplate.target.value.args = ["--tgz", URI];
  await createClient(TaskService, world.transport({ bearer: world.firstToken })).deployTask({
    taskId: { ...ELSEWHERE, name: "shared", version: "1" },
    spec,
  });
  const grant = { role: "runner", project: HOME.project } as const;
  const made = { name: "starter", grants: [grant], expiresAt: undefined, createdBy: "the test", at: 1 };
  const { token, text } = await createToken(world.store, made);
  const attempt = await world.start(OWN, world.transport({ bearer: text }));
  const enqueue = (name: string) => {
    const { action } = childOf(OWN, name);
    return createClient(ActionsService, world.transport({ path: pathOf(attempt) })).enqueue({
      action: { ...action, spec: { case: "task", value: { spec } } },
    });
  };
  const error = await enqueue("c1").then(() => assert.fail("it was accepted"), ConnectError.from);
  assert.equal(error.code, Code.InvalidArgument);
  assert.match(error.rawMessage, /which its run may not read/u);
  assert.equal(await asAttempt(world.url, attempt, "GET", URI), 403);

  // Also while the run goes on: more rights do not end anything.
  await world.store.setTokenGrants(token.id, [grant, { role: "viewer", project: ELSEWHERE.project }]);
  await until(
    () =>
      enqueue("c2").then(
        () => true,
        () => false,
      ),
    10_000,
  );
  assert.equal(await asAttempt(world.url, attempt, "GET", URI), 200);
});
