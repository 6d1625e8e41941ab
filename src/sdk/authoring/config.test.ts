import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { currentConfig, init, initFromConfig } from "./config.ts";
import { sharedState } from "./state.ts";

test("init reads no configuration file, also where there is one", async (t) => {
  const state = sharedState();
  const before = { config: state.config, folder: process.cwd(), project: process.env["FLYTE_TASK_PROJECT"] };
  const folder = await mkdtemp(join(tmpdir(), "boxkite-config-"));
  t.after(async () => {
    process.chdir(before.folder);
    state.config = before.config;
    if (before.project === undefined) delete process.env["FLYTE_TASK_PROJECT"];
    else process.env["FLYTE_TASK_PROJECT"] = before.project;
    await rm(folder, { recursive: true });
  });
  delete process.env["FLYTE_TASK_PROJECT"];
  await writeFile(
    join(folder, "config.yaml"),
    "admin: { insecure: true }\ntask: { project: p, domain: d }\n",
  );
  process.chdir(folder);
  await initFromConfig({ endpoint: "other:1" });
  assert.partialDeepStrictEqual(await currentConfig(), { endpoint: "other:1", project: "p", insecure: true });
  await init({ endpoint: "other:1", domain: "mine" });
  const { endpoint, project, domain, insecure, source } = await currentConfig();
  assert.deepEqual([endpoint, project, domain, insecure], ["other:1", undefined, "mine", false]);
  assert.equal(source, undefined);
  process.env["FLYTE_TASK_PROJECT"] = "from-environment";
  await init({ endpoint: "other:1" });
  assert.equal((await currentConfig()).project, "from-environment");
});
