import assert from "node:assert/strict";
import { test } from "node:test";
import { ENGINE_INFO } from "../../test/helpers/engine-info.ts";
import type { EngineApi } from "../containers/api.ts";
import type { EngineInfo, EngineName } from "../containers/types.ts";
import { examineEngine } from "./examine.ts";

const INFO: EngineInfo = { ...ENGINE_INFO, cpus: 2, memoryBytes: 1e9, ociRuntimes: [] };

function examine(engine: EngineName, more: Partial<EngineInfo> = {}) {
  const api = { engine, version: "9.9" } as EngineApi;
  return examineEngine({ api, how: "DOCKER_HOST" }, { ...INFO, ...more });
}

test("an engine that lacks nothing is described, with how it was found", () => {
  assert.deepEqual(examine("docker"), {
    summary: "docker 9.9 (DOCKER_HOST): cgroups v2, storage overlay",
    advice: [],
  });
  assert.match(examine("podman", { rootless: true }).summary, /: rootless, cgroups v2, /);
});

test("what cannot work is told with the fix that fits the engine", () => {
  const cases: [EngineName, Partial<EngineInfo>, what: RegExp, hint: RegExp][] = [
    [
      "docker",
      { limits: { cpu: true, memory: false, pids: true } },
      /of memory are not/,
      /cgroup_enable=memory/,
    ],
    [
      "podman",
      { rootless: true, limits: { cpu: false, memory: true, pids: true } },
      /of cpu are not/,
      /Delegate=cpu cpuset io memory pids/,
    ],
    [
      "podman",
      { rootless: true, cgroupVersion: "1", limits: { cpu: false, memory: false, pids: false } },
      /of memory and cpu/,
      /unified_cgroup_hierarchy/,
    ],
    ["podman", { rootless: true, userIds: 1 }, /one user's id/, /--add-subuids/],
    ["podman", { storageDriver: "vfs" }, /vfs/, /\/etc\/containers\/storage\.conf.*podman system reset/],
    ["podman", { rootless: true, storageDriver: "vfs" }, /vfs/, /~\/\.config\/containers/],
    ["docker", { storageDriver: "vfs" }, /vfs/, /data-root/],
  ];
  for (const [engine, more, what, hint] of cases) {
    const [advice, ...others] = examine(engine, more).advice;
    assert.match(advice?.what ?? "", what);
    assert.match(advice?.hint ?? "", hint);
    assert.deepEqual(others, []);
  }
});
