import assert from "node:assert/strict";
import { test } from "node:test";
import type { EngineApi } from "../containers/api.ts";
import type { EngineInfo, NetworkDetails } from "../containers/types.ts";
import { readEngineNetwork } from "./network.ts";

const bridge = (name: string, gateway: string): NetworkDetails => ({
  name,
  driver: "bridge",
  subnets: [gateway.replace(/\.1$/u, ".0/16")],
  gateways: [gateway],
  bridge: `${name}0`,
  labels: {},
  internal: false,
});
const engine = (
  name: "podman" | "docker",
  networks: NetworkDetails[],
  onThisMachine = true,
  version = "4.3.1",
) =>
  ({
    engine: name,
    version,
    onThisMachine,
    networks: { list: async () => networks },
  }) as unknown as EngineApi;
const infoOf = (more: Partial<EngineInfo> = {}) =>
  ({ rootless: false, operatingSystem: "debian", ...more }) as EngineInfo;
const address = { address: "192.0.2.7", family: "IPv4", internal: false };
const interfaces = (() => ({ eth0: [address] })) as never;

test("engines of this machine: the bridge's gateway first, then the engine's name for it", async () => {
  const networks = [bridge("bridge", "10.88.0.1"), bridge("other", "10.89.0.1")];
  const podman = await readEngineNetwork({
    api: engine("podman", networks),
    info: infoOf(),
    platform: "linux",
    interfaces,
  });
  assert.deepEqual(
    podman.candidates.map(({ host }) => host),
    ["10.88.0.1", "host.containers.internal"],
  );
  assert.equal(podman.containerConnections, "bridge");
  for (const allowed of ["127.0.0.1", "::1", "10.88.0.1"])
    assert.ok(podman.isAllowedLocalAddress(allowed, "10.88.0.2"), allowed);
  for (const outer of ["192.0.2.7", "10.89.0.1"])
    assert.ok(!podman.isAllowedLocalAddress(outer, outer), outer);

  const docker = await readEngineNetwork({
    api: engine("docker", [bridge("bridge", "172.17.0.1")]),
    info: infoOf(),
    platform: "linux",
    interfaces,
  });
  assert.deepEqual(
    docker.candidates.map(({ host, extraHost }) => [host, extraHost]),
    [
      ["172.17.0.1", undefined],
      ["host.docker.internal", "host.docker.internal:host-gateway"],
    ],
  );
});

test("without root, containers reach this machine at its own addresses", async () => {
  const api = engine("podman", [bridge("podman", "10.88.0.1")]);
  const network = await readEngineNetwork({
    api,
    info: infoOf({ rootless: true }),
    platform: "linux",
    interfaces,
  });
  assert.deepEqual(
    network.candidates.map(({ host }) => host),
    ["host.containers.internal", "192.0.2.7"],
  );
  assert.equal(network.containerConnections, "loopback");
  assert.ok(network.isAllowedLocalAddress("192.0.2.7", "192.0.2.7"));
  assert.ok(!network.isAllowedLocalAddress("192.0.2.7", "192.0.2.8"), "from another machine");
  assert.ok(!network.isAllowedLocalAddress("10.88.0.1", "10.88.0.2"));
});

test("from a virtual machine connections arrive at loopback", async () => {
  const api = engine("docker", [bridge("bridge", "172.17.0.1")]);
  for (const more of [
    { platform: "darwin", info: infoOf() },
    { platform: "linux", info: infoOf({ operatingSystem: "Docker Desktop" }) },
  ] as const) {
    const network = await readEngineNetwork({ api, interfaces, ...more });
    assert.deepEqual(
      [network.inVirtualMachine, network.containerConnections, network.candidates[0]?.host, network.gateways],
      [true, "loopback", "host.docker.internal", []],
    );
  }
});

test("a connection is this machine's own, a container's or another machine's", async () => {
  const networks = [bridge("podman", "10.88.0.1"), bridge("other", "10.89.0.1")];
  const api = engine("podman", networks);
  const { classOf } = await readEngineNetwork({ api, info: infoOf(), platform: "linux", interfaces });
  const classes = [
    ["127.0.0.1", "127.0.0.1", "loopback"],
    ["::1", "::1", "loopback"],
    ["192.0.2.7", "192.0.2.7", "loopback"],
    ["10.88.0.1", "10.88.0.1", "loopback"],
    ["10.88.0.1", "10.88.0.2", "bridge"],
    ["10.89.0.1", "10.89.3.2", "bridge"],
    // A container that uses this machine's outer address, and one that claims to come from elsewhere.
    ["192.0.2.7", "10.88.0.2", "bridge"],
    ["10.88.0.1", "192.0.2.8", "bridge"],
    ["192.0.2.7", "192.0.2.8", "outer"],
    ["2001:db8::7", "2001:db8::8", "outer"],
  ] as const;
  for (const [address, from, expected] of classes)
    assert.equal(classOf(address, from), expected, `${from} to ${address}`);
  const rootless = await readEngineNetwork({
    api,
    info: infoOf({ rootless: true }),
    platform: "linux",
    interfaces,
  });
  assert.equal(rootless.classOf("192.0.2.7", "192.0.2.7"), "loopback");
  assert.equal(rootless.classOf("192.0.2.7", "10.88.0.2"), "outer", "its bridges are not on this machine");
});

test("one name leads to this machine with every engine", async () => {
  const networks = [bridge("bridge", "10.88.0.1")];
  const entriesOf = async (api: EngineApi, more: Partial<EngineInfo> = {}) =>
    (await readEngineNetwork({ api, info: infoOf(more), platform: "linux", interfaces })).hostEntries;
  assert.deepEqual(await entriesOf(engine("docker", networks)), [
    "host.docker.internal:host-gateway",
    "host.containers.internal:host-gateway",
  ]);
  assert.deepEqual(await entriesOf(engine("podman", networks)), ["host.docker.internal:10.88.0.1"]);
  assert.deepEqual(await entriesOf(engine("podman", networks), { rootless: true }), [
    "host.docker.internal:192.0.2.7",
  ]);
  for (const version of ["4.7.0", "5.3.1"])
    assert.deepEqual(await entriesOf(engine("podman", networks, true, version)), [], "it knows both names");
});
