/** Errors of a server as its TypeScript clients get them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BoxkiteError } from "../../src/domain/errors.ts";
import { createControlPlane } from "../../src/client/control-plane.ts";
import { createTransport } from "../../src/client/transport.ts";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";

test("a refusal has the server's code and hint, in single answers and in streams", async (t) => {
  const { url } = await startInProcess(t, createFakeExecutor());
  const { runs } = createControlPlane(url, createTransport({ baseUrl: url }));
  const refused = async (call: Promise<unknown>): Promise<BoxkiteError> => {
    const error = await call.then(
      () => assert.fail("the call succeeded"),
      (caught: unknown) => caught,
    );
    assert.ok(error instanceof BoxkiteError);
    return error;
  };
  const project = { name: "none", domain: "development" };
  const created = await refused(runs.createRun({ id: { case: "projectId", value: project } }));
  assert.equal(created.code, "PROJECT_NOT_FOUND");
  assert.match(created.message, /^there is no project "none"$/);
  assert.equal(created.hint, "create it with flyte create project --id none --name none");
  const runId = { project: "flytesnacks", domain: "development", name: "none" };
  assert.equal((await refused(runs.getRunDetails({ runId }))).code, "RUN_NOT_FOUND");
  const watched = runs.watchActionDetails({ actionId: { run: runId, name: "a0" } });
  assert.equal((await refused(Array.fromAsync(watched))).code, "RUN_NOT_FOUND");
});
