import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, type TestContext } from "node:test";
import { findConfigFile, loadConfig } from "./config-file.ts";
import { baseUrlOf, runUrl, taskUrl } from "./endpoint.ts";

function makeFolder(t: TestContext, files: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "boxkite-config-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), "");
  }
  return folder;
}

test("the search order of the Python SDK", (t) => {
  const home = makeFolder(t, [".flyte/config.yaml", ".union/config.yaml"]);
  const all = makeFolder(t, ["config.yaml", ".flyte/config.yaml", "given.yaml"]);
  const env = { UCTL_CONFIG: join(all, "given.yaml") };
  assert.equal(findConfigFile(all, env, home), join(all, "config.yaml"));
  rmSync(join(all, "config.yaml"));
  assert.equal(findConfigFile(all, env, home), join(all, ".flyte/config.yaml"));
  rmSync(join(all, ".flyte"), { recursive: true });
  assert.equal(findConfigFile(all, env, home), join(all, "given.yaml"));
  assert.equal(findConfigFile(all, {}, home), join(home, ".union/config.yaml"));
  const repository = makeFolder(t, [".git/HEAD", ".flyte/config.yaml", "deep/down/x"]);
  assert.equal(
    findConfigFile(join(repository, "deep/down"), env, home),
    join(repository, ".flyte/config.yaml"),
  );
  assert.equal(findConfigFile(all, {}, all), undefined);
});

test("the file, and the environment over it", async (t) => {
  const path = join(makeFolder(t, []), "config.yaml");
  writeFileSync(
    path,
    `admin: { endpoint: "dns:///localhost:30080", insecure: true, authType: Pkce }
task: { project: flytesnacks, domain: development }
image: { builder: local, image_refs: { training: "reg/training:1" } }
`,
  );
  const read = await loadConfig(path, {});
  assert.equal(read.endpoint, "dns:///localhost:30080");
  assert.equal(read.insecure, true);
  assert.deepEqual([read.project, read.domain, read.imageBuilder], ["flytesnacks", "development", "local"]);
  assert.deepEqual(read.imageRefs, { training: "reg/training:1" });
  const overridden = await loadConfig(path, {
    FLYTE_ADMIN_ENDPOINT: "other:1",
    FLYTE_ADMIN_INSECURE: "false",
    FLYTE_AUTH_TYPE: "ExternalCommand",
    FLYTE_ADMIN_AUTHTYPE: "DeviceFlow",
    FLYTE_AUTH_COMMAND: `get-token --for "two words"`,
  });
  assert.deepEqual(
    [overridden.endpoint, overridden.insecure, overridden.authType],
    ["other:1", false, "ExternalCommand"],
  );
  assert.deepEqual(overridden.command, ["get-token", "--for", "two words"]);
  assert.equal((await loadConfig(undefined, { FLYTE_ADMIN_ENDPOINT: "a:1" })).endpoint, "a:1");
  writeFileSync(path, "admin: [");
  await assert.rejects(loadConfig(path, {}), { code: "CONFIG_INVALID" });
});

test("addresses", () => {
  for (const text of ["dns:///host:1", "host:1", "http://host:1", "https://host:1/"]) {
    assert.equal(baseUrlOf(text, true), "http://host:1");
    assert.equal(baseUrlOf(text, false), "https://host:1");
  }
  assert.equal(
    baseUrlOf("dns:///host:1/t/token", true),
    "http://host:1/t/token",
    "a token in the path is kept",
  );
  const run = { project: "p", domain: "d", name: "r" };
  assert.equal(runUrl("http://localhost:8090", run), "http://localhost:8080/v2/domain/d/project/p/runs/r");
  assert.equal(taskUrl("http://localhost:8090", run), "http://localhost:8080/v2/domain/d/project/p/tasks/r");
  assert.equal(runUrl("http://h:1", run, "a0"), "http://h:1/v2/domain/d/project/p/runs/r?i=a0");
});
