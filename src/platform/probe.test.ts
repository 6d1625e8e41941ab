/** An engine that starts nothing; the way to this machine is tried on real ones in test/executors. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { ANSWERED, startFakeEngine, status } from "../../test/executors/fake-engine.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { silentLogger } from "../lib/log.ts";
import { connectEngine } from "../containers/api.ts";
import type { EngineNetwork } from "./network.ts";
import { probeFromContainer } from "./probe.ts";

const network: EngineNetwork = {
  candidates: [{ host: "10.88.0.1", why: "" }],
  hostEntries: [],
  gateways: ["10.88.0.1"],
  defaultBridge: "podman0",
  runBridges: undefined,
  containerConnections: "bridge",
  inVirtualMachine: false,
  isAllowedLocalAddress: () => true,
  classOf: () => "bridge",
};

async function probe(t: TestContext, engine: "podman" | "docker", refusal: string) {
  const fake = await startFakeEngine(
    t,
    ({ method, path }, response) => {
      if (path === "/containers/create") {
        response.writeHead(201).end(JSON.stringify({ Id: "c1" }));
        return ANSWERED;
      }
      if (path.endsWith("/start")) return status(response, 500, refusal);
      return method === "GET" ? { Id: "sha256:1" } : {};
    },
    engine,
  );
  const api = await connectEngine({ kind: "unix", socketPath: fake.socketPath });
  t.after(() => api.close());
  return probeFromContainer({ api, network, instance: "i", port: 1, log: silentLogger });
}

test("an engine that starts no container is told, with what to change", async (t) => {
  const rlimits = "runc create failed: error setting rlimit type 7: operation not permitted";
  for (const [engine, refusal, hint] of [
    ["podman", rlimits, /containers\.conf.*default_ulimits/],
    ["docker", rlimits, /daemon\.json.*default-ulimits/],
    ["podman", 'slirp4netns failed: open("/dev/net/tun"): Permission denied', /chmod 666 \/dev\/net\/tun/],
    ["docker", "something nobody has seen", /docker run --rm/],
  ] as const) {
    await assert.rejects(probe(t, engine, refusal), (error: unknown) => {
      assert.ok(error instanceof BoxkiteError && error.code === "ENGINE_FAILED");
      assert.equal(error.message, `${engine} starts no container: ${refusal}`);
      assert.match(error.hint ?? "", hint);
      return true;
    });
  }
});

test("a program that is not in the probe's container says nothing of the engine", async (t) => {
  const result = await probe(t, "docker", 'exec: "/opt/node": stat /opt/node: no such file or directory');
  assert.equal(result.kind, "not_probed");
});
