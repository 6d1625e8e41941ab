/**
 * 100 runs that live at the same time, each with a container on a network of its own, with Podman and with Docker. Run by
 * `npm run test:load:networks`; it takes a few minutes for each engine, and wants the machine to itself.
 * `BOXKITE_TEST_ENGINE=podman` leaves the other one out.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test, type TestContext } from "node:test";
import { createRun, SCOPE, taskSpec, untilPhase } from "../../bench/helpers/requests.ts";
import { clientsAt, type Clients } from "../../bench/helpers/server.ts";
import { LABEL } from "../../src/executors/container/container-spec.ts";
import { MOST_FREE } from "../../src/executors/container/run-networks.ts";
import { presign } from "../../src/lib/sigv4-signer.ts";
import { BUCKET } from "../../src/server/server.ts";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { engineForTests, TEST_ENGINES, TEST_IMAGE, type TestEngine } from "../executors/engine-for-tests.ts";
import { LISTEN, TRY } from "../executors/network-probes.ts";
import { engineCommand, engineOutput } from "../helpers/engine.ts";
import { startServer, temporaryDirectory } from "../helpers/server.ts";
import { until } from "../helpers/until.ts";

const COUNT = 100;
/** As many containers try to reach all others. */
const SENDERS = 4;
const PREFIX = `load${randomBytes(4).toString("hex")}`;

/** Listens until it has the signal. */
const TASK = taskSpec({
  image: TEST_IMAGE,
  command: ["perl", "-e", `$SIG{USR1} = sub { exit };\n${LISTEN}`],
});
/** Tries all addresses at once. Arguments: own name, addresses. */
const TRY_ALL = `name=$1; shift
for address; do perl -e "$TRY" "$name" "$address" 7001 & done; wait`;
/** Writes empty outputs, unless a packet of another container has arrived. Argument: the signed URL. */
const WRITE = `use IO::Socket::INET;
-e "/udp" and die "a packet arrived";
my ($host, $path) = $ARGV[0] =~ m{^http://([^/]+)(.*)$};
my $server = IO::Socket::INET->new($host) or die "no server at $host";
print $server "PUT $path HTTP/1.1\\r\\nHost: $host\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n";
my $status = <$server>; $status =~ / 200 / or die $status`;

for (const name of TEST_ENGINES) {
  const engine = await engineForTests(name);
  after(() => engine.close());
  describe(`${COUNT} runs with ${name}`, { skip: engine.missing ?? false, timeout: 1_800_000 }, () =>
    loadTest(engine),
  );
}

interface SeenContainer {
  readonly id: string;
  readonly instance: string;
  readonly run: string;
  readonly network: string;
  readonly address: string;
  readonly env: ReadonlyMap<string, string>;
}

function loadTest(engine: TestEngine): void {
  const output = (...args: string[]) => engineOutput(engine.name, args, engine.env);
  const lines = async (...args: string[]) => (await output(...args)).split("\n").filter(Boolean);
  const networksOf = (instance: string) =>
    lines("network", "ls", "--quiet", "--filter", `label=${LABEL.instance}=${instance}`);

  const startWith = async (t: TestContext, settings: string): Promise<Clients> => {
    const config = join(await temporaryDirectory(t), "boxkite.yaml");
    await writeFile(config, settings);
    const where = ["--engine", engine.name, "--config", config, "--ephemeral"];
    const server = await startServer(t, {
      args: [...where, "--max-parallel", String(COUNT)],
      env: engine.env,
    });
    return clientsAt(server.port);
  };

  const containers = async (): Promise<SeenContainer[]> => {
    const ids = await lines("ps", "--quiet", "--no-trunc", "--filter", `label=${LABEL.instance}`);
    if (ids.length === 0) return [];
    // Those of other servers may be gone by now.
    const { stdout } = await engineCommand(engine.name, ["inspect", ...ids], engine.env);
    return (JSON.parse(stdout) as Inspected[]).map(seenOf).filter(({ run }) => run.startsWith(PREFIX));
  };

  /** Resolves with the milliseconds until all run. */
  const start = async (clients: Clients, names: readonly string[]): Promise<number> => {
    const began = performance.now();
    await Promise.all(names.map((name) => createRun(clients, name, TASK)));
    await Promise.all(names.map((name) => untilPhase(clients, name, ActionPhase.RUNNING)));
    return performance.now() - began;
  };

  const end = async (clients: Clients, names: readonly string[]): Promise<void> => {
    const seen = await containers();
    const left = [...seen];
    const write = async () => {
      for (let next = left.pop(); next !== undefined; next = left.pop())
        await output("exec", next.id, "perl", "-e", WRITE, outputsUrl(next));
    };
    await Promise.all([write(), write(), write(), write()]);
    // The server itself may have ended those that went on for too long after their results.
    await engineCommand(engine.name, ["kill", "--signal", "USR1", ...seen.map(({ id }) => id)], engine.env);
    await Promise.all(names.map((name) => untilPhase(clients, name, ActionPhase.SUCCEEDED)));
    await until(async () => (await containers()).length === 0, 300_000);
  };

  test("each has a network of its own, reaches no other, and ends", async (t) => {
    const clients = await startWith(t, "{}");
    const names = Array.from({ length: COUNT }, (_, index) => `${PREFIX}-${index}`);
    const coldMs = await start(clients, names);
    const seen = await containers();
    assert.equal(seen.length, COUNT);
    assert.equal(new Set(seen.map(({ network }) => network)).size, COUNT, "no two share a network");
    assert.equal(new Set(seen.map(({ address }) => address)).size, COUNT);

    for (const from of seen.slice(0, SENDERS)) {
      const others = seen.filter((each) => each !== from).map(({ address }) => address);
      const attempt = (...addresses: string[]) =>
        output("exec", "--env", `TRY=${TRY}`, from.id, "sh", "-c", TRY_ALL, "sh", from.run, ...addresses);
      assert.match(await attempt(from.address), /^tcp/u, "the method works");
      assert.equal(await output("exec", from.id, "cat", "/udp"), `from ${from.run}`);
      await output("exec", from.id, "rm", "/udp");
      assert.equal(await attempt(...others), "", `${from.run} reached another`);
    }
    await end(clients, names);
    const kept = (await networksOf(seen[0]?.instance ?? "")).length;
    assert.ok(kept <= MOST_FREE, `${kept} networks are kept`);

    const again = names.map((name) => `${name}-again`);
    const warmMs = await start(clients, again);
    await end(clients, again);
    const shared = await startWith(t, "containers: {shared-network: true}");
    const plain = names.map((name) => `${name}-plain`);
    const plainMs = await start(shared, plain);
    await end(shared, plain);
    const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s (${(ms / plainMs).toFixed(2)} ×)`;
    console.log(
      `${COUNT} runs are running after ${seconds(coldMs)}, with ${kept} networks to use again ${seconds(warmMs)}, on the engine's own network ${seconds(plainMs)}`,
    );
  });
}

interface Inspected {
  readonly Id: string;
  readonly Config: { readonly Labels: Readonly<Record<string, string>>; readonly Env: readonly string[] };
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>>;
  };
}

function seenOf({ Id, Config, NetworkSettings }: Inspected): SeenContainer {
  const [[network, { IPAddress: address }] = ["", { IPAddress: "" }]] = Object.entries(
    NetworkSettings.Networks,
  );
  const variables = Config.Env.map((each) => each.split(/=(.*)/su));
  return {
    id: Id,
    instance: Config.Labels[LABEL.instance] ?? "",
    run: Config.Labels[LABEL.run] ?? "",
    network,
    address,
    env: new Map(variables.map(([name = "", value = ""]) => [name, value])),
  };
}

/** Where its outputs belong, signed with its own key. */
function outputsUrl({ env, run }: SeenContainer): string {
  return presign({
    method: "PUT",
    origin: env.get("FLYTE_AWS_ENDPOINT") ?? "",
    bucket: BUCKET,
    key: `${SCOPE.project}/${SCOPE.domain}/runs/${run}/a0/1/outputs.pb`,
    accessKeyId: env.get("FLYTE_AWS_ACCESS_KEY_ID") ?? "",
    secretAccessKey: env.get("FLYTE_AWS_SECRET_ACCESS_KEY") ?? "",
    expiresInSeconds: 60,
    nowMs: Date.now(),
  });
}
