/** A data directory that is removed beneath a live server: whoever asks is told so, and nothing is accepted. */
import assert from "node:assert/strict";
import { rename, rm } from "node:fs/promises";
import { test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { presign } from "../../src/lib/sigv4-signer.ts";
import { BUCKET } from "../../src/server/server.ts";
import { userCredentials } from "../../src/server/user-credentials.ts";
import { ProjectService } from "../../src/wire/gen/flyteidl2/project/project_service_pb.js";
import { createFakeExecutor } from "../helpers/fake-executor.ts";
import { startInProcess } from "../helpers/in-process-server.ts";
import { signingKeysIn } from "../helpers/signing-keys.ts";

const LOST = /data.* was removed or moved while the server was running.*move it back.*restore/su;

test("health, calls, pages and objects say that the data directory is gone, until it is back", async (t) => {
  const { url, transport, directory } = await startInProcess(t, createFakeExecutor());
  const projects = createClient(ProjectService, transport);
  const ask = async (path: string): Promise<[status: number, text: string]> => {
    const response = await fetch(new URL(path, url));
    return [response.status, await response.text()];
  };
  const object = async (method: "GET" | "PUT"): Promise<string> =>
    presign({
      method,
      origin: url,
      bucket: BUCKET,
      key: "p/d/x",
      ...credentials,
      expiresInSeconds: 60,
      nowMs: Date.now(),
    });
  const credentials = userCredentials(await signingKeysIn(directory), "");
  const create = (id: string) => projects.createProject({ project: { id, name: id } });
  assert.deepEqual(await ask("/healthz"), [200, "ok\n"]);
  const elsewhere = `${directory}.moved`;
  t.after(() => rm(elsewhere, { recursive: true, force: true }));

  await rename(directory, elsewhere);
  for (const path of ["/healthz", "/v2/healthz", "/v2", "/v2/domain/development/project/flytesnacks/runs"]) {
    const [status, text] = await ask(path);
    assert.equal(status, 503, path);
    assert.match(text, LOST, path);
  }
  await assert.rejects(create("one"), LOST);
  await assert.rejects(projects.listProjects({}), LOST);
  const refused = await fetch(await object("PUT"), { method: "PUT", body: "content" });
  assert.equal(refused.status, 503);
  assert.match(await refused.text(), /<Code>StorageUnavailable<.*was removed or moved/su);
  assert.equal((await fetch(await object("GET"))).status, 503);

  await rename(elsewhere, directory);
  assert.deepEqual(await ask("/healthz"), [200, "ok\n"]);
  await create("two");
  const listed = (await projects.listProjects({})).projects?.projects.map(({ id }) => id);
  assert.deepEqual(listed?.toSorted(), ["flytesnacks", "two"]);
  assert.equal((await fetch(await object("GET"))).status, 404);
});
