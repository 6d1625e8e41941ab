/** Whom a task's container reaches, tried from inside, with Podman and with Docker. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { after, afterEach, before, describe, test, type TestContext } from "node:test";
import type { AttemptKey } from "../../src/domain/attempt.ts";
import type { EngineApi } from "../../src/containers/api.ts";
import type { FoundEngine } from "../../src/containers/find.ts";
import { createForwardGuard, programsOf } from "../../src/containers/forward-guard.ts";
import type { EngineInfo } from "../../src/containers/types.ts";
import type { AttemptSpec, Executor } from "../../src/executors/executor.ts";
import { createContainerExecutor } from "../../src/executors/container/container-executor.ts";
import { containerName, LABEL } from "../../src/executors/container/container-spec.ts";
import { workerMember } from "../../src/executors/container/network-member.ts";
import { RunNetworks, type RunNetworksOptions } from "../../src/executors/container/run-networks.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { bridgeAddressesOf } from "../../src/platform/container-engine.ts";
import { readEngineNetwork, type EngineNetwork } from "../../src/platform/network.ts";
import { engineCommand, engineOutput } from "../helpers/engine.ts";
import { until } from "../helpers/until.ts";
import { engineForTests, TEST_ENGINES, TEST_IMAGE, type TestEngine } from "./engine-for-tests.ts";
import { LISTEN, TRY } from "./network-probes.ts";
import { Recorder } from "./recorder.ts";

/** Another machine, which listens as LISTEN does; a container on the engine's own network, where a test has none. */
const OUTSIDE = process.env["BOXKITE_TEST_OUTSIDE"];

for (const name of TEST_ENGINES) {
  const engine = await engineForTests(name);
  after(() => engine.close());
  describe(`networks of runs with ${name}`, { skip: engine.missing ?? false, timeout: 300_000 }, () =>
    networkTests(engine),
  );
}

function networkTests(engine: TestEngine): void {
  let found: FoundEngine;
  let api: EngineApi;
  let info: EngineInfo;
  let network: EngineNetwork;
  const instance = `test-${randomBytes(4).toString("hex")}`;
  const guard = createForwardGuard(programsOf(process.env));

  before(async () => {
    found = await engine.open();
    ({ api } = found);
    info = await api.info();
    network = await readEngineNetwork({ api, info });
  });
  // Of tests that failed.
  afterEach(async () => {
    const left = await api.listContainers([`${LABEL.instance}=${instance}`]);
    await Promise.all(left.map(({ id }) => api.removeContainer(id)));
    await Promise.all((await ownNetworks()).map(({ name }) => api.networks.remove(name)));
  });
  after(() => found?.close());

  const openNetworks = (runOf?: RunNetworksOptions["runOf"]) =>
    RunNetworks.open({
      ...(runOf && { runOf }),
      api,
      instance,
      log: silentLogger,
      clock: systemClock,
      bridges: network.runBridges,
      guard,
    });
  const executorOn = (networks: RunNetworks): Executor =>
    createContainerExecutor({
      api,
      info,
      instance,
      networks,
      bridgeAddresses: bridgeAddressesOf(api, network, { env: process.env, log: silentLogger }),
      log: silentLogger,
      clock: systemClock,
      endpointHost: () => "host.docker.internal",
    });
  const ownNetworks = async () =>
    (await api.networks.list()).filter(({ labels }) => labels[LABEL.instance] === instance);
  const nameOf = (key: AttemptKey) => containerName(instance, key);
  const exec = (key: AttemptKey, ...command: string[]) =>
    engineOutput(engine.name, ["exec", nameOf(key), ...command], engine.env);
  const attempt = (from: AttemptKey, address: string, port = 7001) =>
    exec(from, "perl", "-e", TRY, from.run, address, String(port));

  /** A container that listens, and its address. */
  async function start(executor: Executor, run: string, more: Partial<AttemptSpec> = {}) {
    const image = await api.inspectImage(TEST_IMAGE);
    assert.ok(image);
    const spec: AttemptSpec = {
      key: { project: "p", domain: "development", run, action: "a0", attempt: 1 },
      image: { reference: TEST_IMAGE, pinned: image.id, digest: image.id, source: "engine" },
      command: ["perl"],
      args: ["-e", LISTEN],
      env: { _U_EP_OVERRIDE: "host.docker.internal:1", FLYTE_AWS_ENDPOINT: "http://host.docker.internal:1" },
      requests: {},
      limits: {},
      labels: {},
      ...more,
    };
    const recorder = new Recorder();
    await executor.start(spec, recorder.sink, recorder.observer);
    await recorder.line("ready");
    const address = (await exec(spec.key, "hostname", "-I")).split(" ")[0] ?? "";
    return { key: spec.key, address, recorder };
  }

  /** A listener on all addresses, and from where its last connection came. */
  async function listen(t: TestContext) {
    const seen: { at: string; from: string }[] = [];
    const server = createServer((socket) => {
      seen.push({ at: socket.localAddress ?? "", from: socket.remoteAddress ?? "" });
      // The other side does not wait for the answer.
      socket.on("error", () => {}).end("ok");
    });
    await once(server.listen(0, "0.0.0.0"), "listening");
    t.after(() => server.close());
    return { port: (server.address() as AddressInfo).port, seen };
  }

  test("containers of different runs do not reach each other, and none is reached from elsewhere", async (t) => {
    const networks = await openNetworks();
    const executor = executorOn(networks);
    t.after(() => executor.close());
    const runs = await Promise.all([
      start(executor, "r1"),
      start(executor, "r2"),
      start(executor, "r3"),
      start(executor, "closed", { egress: "none" }),
    ]);
    // One that has ended takes no rule of the others with it.
    const gone = await start(executor, "gone");
    await executor.release(gone.key);
    // What others reach: a container on the engine's own network, as build steps are.
    const outsider = `${instance}-outsider`;
    t.after(() => engineCommand(engine.name, ["rm", "--force", outsider], engine.env));
    await engineOutput(
      engine.name,
      ["run", "--detach", "--name", outsider, "--entrypoint=perl", TEST_IMAGE, "-e", LISTEN],
      engine.env,
    );

    const pairs = runs.flatMap((from) => runs.map((to) => ({ from, to })));
    await Promise.all(
      pairs.map(async ({ from, to }) => {
        const reached = await attempt(from.key, to.address);
        // Whether a container may send a ping is the engine's setting.
        if (from === to) assert.match(reached, /^tcp/u, "the method works");
        else assert.equal(reached, "", `${from.key.run} reached ${to.key.run}`);
      }),
    );
    const [address = ""] = (
      await engineOutput(engine.name, ["exec", outsider, "hostname", "-I"], engine.env)
    ).split(" ");
    const outside = OUTSIDE ?? address;
    assert.match(await attempt(runs[0].key, outside), /^tcp/u, "egress is all");
    assert.equal(await attempt(runs[3].key, outside), "", "egress is none");
    for (const to of runs) {
      const args = ["exec", outsider, "perl", "-e", TRY, "outsider", to.address, "7001"];
      assert.equal(await engineOutput(engine.name, args, engine.env), "", `it reached ${to.key.run}`);
      assert.equal(await exec(to.key, "cat", "/udp"), `from ${to.key.run}`);
    }
    await Promise.all(runs.map(({ key }) => executor.release(key)));
  });

  test("each reaches this machine, by both names and as its variables say", async (t) => {
    const executor = executorOn(await openNetworks());
    t.after(() => executor.close());
    const { port, seen } = await listen(t);
    for (const egress of ["all", "none"] as const) {
      const { key } = await start(executor, egress, egress === "none" ? { egress } : {});
      const endpoint = await exec(key, "printenv", "_U_EP_OVERRIDE");
      const gateway = endpoint.replace(/:1$/u, "");
      assert.match(gateway, /^[0-9.]+$/u);
      assert.equal(await exec(key, "printenv", "FLYTE_AWS_ENDPOINT"), `http://${endpoint}`);
      for (const host of [gateway, "host.docker.internal", "host.containers.internal"]) {
        assert.match(await attempt(key, host, port), /tcp/u, host);
        const { at, from } = seen.pop() ?? { at: "", from: "" };
        assert.equal(at, gateway);
        assert.ok(network.isAllowedLocalAddress(at, from), "the server accepts it");
        assert.equal(network.classOf(at, from), "bridge");
      }
      await executor.release(key);
    }
  });

  test("this machine keeps its address on a network while containers of it come and go", async (t) => {
    const networks = await openNetworks();
    const executor = executorOn(networks);
    t.after(() => executor.close());
    const { port } = await listen(t);
    const first = await start(executor, "r1");
    const { bridge = "", gateways = [] } = networks.of(nameOf(first.key)) ?? {};
    // Not by /sys, which may show the interfaces of another network namespace.
    const address = () => networkInterfaces()[bridge]?.[0]?.mac;
    const learned = address();
    assert.ok(learned);
    const second = await start(executor, "r1", { key: { ...first.key, action: "a1" } });
    // Left to itself a bridge has the lower address of the two, and now that of the second.
    await executor.release(first.key);
    assert.equal(address(), learned);
    assert.match(await attempt(second.key, gateways[0] ?? "", port), /tcp/u);
    await executor.release(second.key);
  });

  test("without egress no other address of this machine is reached, and no name server", async (t) => {
    const executor = executorOn(await openNetworks());
    t.after(() => executor.close());
    const { port, seen } = await listen(t);
    const outer = Object.values(networkInterfaces())
      .flatMap((each) => each ?? [])
      .find(({ internal, family }) => !internal && family === "IPv4")?.address;
    assert.ok(outer);
    const open = await start(executor, "open");
    assert.match(await attempt(open.key, outer, port), /tcp/u, "it is there");
    assert.equal(network.classOf(seen.at(-1)?.at ?? "", seen.at(-1)?.from ?? ""), "bridge");
    const closed = await start(executor, "closed", { egress: "none" });
    // Docker's internal networks have a route to this machine, at all of its addresses.
    if (engine.name === "podman") assert.equal(await attempt(closed.key, outer, port), "");
    assert.equal(await exec(closed.key, "sh", "-c", "getent ahosts example.org || echo none"), "none");
    assert.match(closed.recorder.progress.join("\n"), /egress is none/u);
    assert.match(closed.recorder.textOf("system").join("\n"), /egress is none/u);
    await Promise.all([open, closed].map(({ key }) => executor.release(key)));
  });

  test("a restarted server goes on with the networks that are there, and the last one leaves none", async (t) => {
    const first = executorOn(await openNetworks());
    const { key } = await start(first, "r1");
    await first.close();
    const [used] = await ownNetworks();
    assert.ok(used, "its container is on it");
    const networks = await openNetworks();
    assert.equal(networks.of(containerName(instance, key))?.name, used.name);
    const second = executorOn(networks);
    t.after(() => second.close());
    const other = await start(second, "r2");
    assert.notEqual(networks.of(containerName(instance, other.key))?.name, used.name, "a run has it");
    await Promise.all([second.release(key), second.release(other.key)]);
    const third = await start(second, "r3");
    assert.ok(
      [used.name, (await ownNetworks())[1]?.name].includes(
        networks.of(containerName(instance, third.key))?.name,
      ),
      "a free one is used again",
    );
    await second.release(third.key);
    assert.equal((await ownNetworks()).length, 2);
    await second.close();
    await until(async () => (await ownNetworks()).length === 0);
  });

  test("a worker has a network to itself, which it brings into the run that gets it, also across a restart", async (t) => {
    const networks = await openNetworks();
    t.after(() => networks.close());
    const scope = { project: "p", domain: "development" };
    const member = (worker: string, run = "") => workerMember(worker, { ...scope, run });
    const [first, second] = [
      await networks.join(member("w1"), false),
      await networks.join(member("w2"), false),
    ];
    assert.notEqual(first.name, second.name);
    assert.notEqual((await networks.join(member("w3", "r1"), false)).name, first.name);

    await networks.give("w1", { ...scope, run: "r1" });
    networks.leave("w3");
    assert.equal((await networks.join(member("w4", "r1"), false)).name, first.name);
    assert.notEqual((await networks.join(member("w5", "r2"), false)).name, first.name);

    const created = await api.createContainer(`${instance}-worker`, {
      Image: TEST_IMAGE,
      Labels: {
        [LABEL.kind]: "worker",
        [LABEL.instance]: instance,
        [LABEL.worker]: "w1",
        [LABEL.project]: scope.project,
        [LABEL.domain]: scope.domain,
        [LABEL.network]: first.name,
      },
    });
    assert.equal(created.kind, "created");
    for (const run of ["r1", undefined]) {
      const runOf = () => (run === undefined ? undefined : { ...scope, run });
      const again = await openNetworks(runOf);
      t.after(() => again.close());
      const { name } = await again.join(member("w6", "r1"), false);
      assert.equal(name === first.name, run === "r1");
    }
  });

  test("a network that somebody has removed is made again", async (t) => {
    const networks = await openNetworks();
    const executor = executorOn(networks);
    t.after(() => executor.close());
    const { key } = await start(executor, "r1");
    const { name } = networks.of(containerName(instance, key)) ?? { name: "" };
    await executor.release(key);
    await engineOutput(engine.name, ["network", "rm", name], engine.env);
    const next = await start(executor, "r2");
    assert.notEqual(networks.of(containerName(instance, next.key))?.name, name);
    await executor.release(next.key);
  });
}
