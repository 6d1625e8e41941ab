import assert from "node:assert/strict";
import { test } from "node:test";
import { ENGINE_INFO } from "../../../test/helpers/engine-info.ts";
import type { AttemptSpec } from "../executor.ts";
import { NO_POLICY } from "./confinement.ts";
import { containerBody, containerName, keyOfLabels, type ContainerSettings } from "./container-spec.ts";

const settings: ContainerSettings = {
  instance: "i",
  engine: "docker",
  info: { ...ENGINE_INFO, memoryBytes: 1e9, ociRuntimes: [] },
  extraHosts: [],
  policy: NO_POLICY,
};

const spec: AttemptSpec = {
  key: { project: "p", domain: "d", run: "r1", action: "a0", attempt: 2 },
  image: { reference: "app:1", pinned: "h/app@sha256:1", digest: "sha256:1", source: "registry" },
  command: [],
  args: ["a0", "--x"],
  env: { A: "1=2" },
  requests: {},
  limits: {},
  labels: { "dev.boxkite.run": "forged", team: "t" },
};

interface Body {
  readonly Labels: Record<string, string>;
  readonly Entrypoint?: unknown;
  readonly Env: string[];
  readonly HostConfig: Record<string, unknown>;
}

/** Of every container. */
const HOST_FIELDS = [
  "CapAdd",
  "CapDrop",
  "LogConfig",
  "Memory",
  "MemorySwap",
  "NetworkMode",
  "PidsLimit",
  "SecurityOpt",
];

const bodyOf = (more: Partial<AttemptSpec> = {}, with_: Partial<ContainerSettings> = {}) =>
  containerBody({ ...spec, ...more }, { ...settings, ...with_ }) as Body;

test("nothing of the image is replaced, and nothing is mounted", () => {
  const body = bodyOf();
  assert.deepEqual(Object.keys(body).sort(), ["Cmd", "Env", "HostConfig", "Image", "Labels"]);
  assert.deepEqual(body.Env, ["A=1=2"]);
  assert.deepEqual(Object.keys(body.HostConfig).sort(), HOST_FIELDS);
  assert.deepEqual(bodyOf({ command: ["sh"] }).Entrypoint, ["sh"]);
});

test("a label of the attempt's cannot forge whose it is", () => {
  const { Labels } = bodyOf();
  assert.deepEqual(keyOfLabels(Labels), spec.key);
  assert.equal(Labels.team, "t");
  assert.equal(keyOfLabels({ ...Labels, "dev.boxkite.attempt": "x" }), undefined);
});

test("a worker's container is that of its attempts with the worker's directory, and no attempt's", () => {
  const worker = { name: "w", pool: "x", directory: "/data/w" };
  const more = { readOnlyMounts: [{ source: "/a", target: "/b" }], limits: { memoryBytes: 1000 } };
  const body = containerBody({ ...spec, ...more }, settings, worker) as Body;
  const bind = { Type: "bind", Source: "/data/w", Target: "/run/boxkite/worker", ReadOnly: false };
  const { Mounts, ...rest } = body.HostConfig;
  const { Mounts: own, ...others } = bodyOf(more).HostConfig;
  assert.deepEqual(rest, others);
  assert.deepEqual(Mounts, [...(own as object[]), bind]);
  assert.equal(keyOfLabels(body.Labels), undefined);
  assert.equal(body.Labels["dev.boxkite.kind"], "worker");
  assert.deepEqual([body.Labels["dev.boxkite.run"], body.Labels.team], ["r1", "t"]);
});

test("resources become what the engine enforces", () => {
  const limits = { cpu: 0.5, memoryBytes: 1000, gpu: 2 };
  const { HostConfig } = bodyOf({ limits, requests: { cpu: 0.25 }, sharedMemoryBytes: 5 });
  assert.deepEqual(
    [HostConfig.NanoCpus, HostConfig.CpuShares, HostConfig.Memory, HostConfig.MemorySwap, HostConfig.ShmSize],
    [5e8, 256, 1000, 1000, 5],
  );
  assert.deepEqual(HostConfig.DeviceRequests, [{ Driver: "", Count: 2, Capabilities: [["gpu"]] }]);
  assert.equal(bodyOf({ limits: { cpu: 4 } }).HostConfig.NanoCpus, undefined);
});

test("shared memory of any size is as large as the limit, or the machine", () => {
  const shared = (limits: AttemptSpec["limits"], info = settings.info) =>
    bodyOf({ limits, sharedMemoryBytes: "auto" }, { info }).HostConfig.ShmSize;
  assert.equal(shared({ memoryBytes: 5e8 }), 5e8);
  assert.equal(shared({ memoryBytes: 5e9 }), 1e9);
  assert.equal(shared({}), 1e9);
  assert.equal(shared({}, { ...settings.info, memoryBytes: 0 }), undefined);
  assert.equal(bodyOf().HostConfig.ShmSize, undefined);
});

test("a limit that the engine cannot enforce is not asked for", () => {
  const wish = { limits: { cpu: 0.5, memoryBytes: 1000 }, requests: { cpu: 0.25 } };
  const info = { ...settings.info, limits: { cpu: false, memory: false, pids: false } };
  const unlimited = HOST_FIELDS.filter((name) => !["Memory", "MemorySwap", "PidsLimit"].includes(name));
  assert.deepEqual(Object.keys(bodyOf(wish, { info }).HostConfig).sort(), unlimited);
});

test("names are the same for the same attempt only", () => {
  const name = containerName("i", spec.key);
  assert.match(name, /^boxkite-r1-a0-2-[0-9a-f]{16}$/);
  assert.equal(containerName("i", { ...spec.key }), name);
  const others = [
    containerName("j", spec.key),
    containerName("i", { ...spec.key, attempt: 3 }),
    containerName("i", { ...spec.key, project: "q" }),
  ];
  assert.equal(new Set([name, ...others]).size, 4);
});
