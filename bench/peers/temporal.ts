/** Temporal's server on a SQLite file, one shard, all services in one process: as its development server is. */
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { once } from "node:events";
import { stringify } from "yaml";
import type { BenchContext } from "../helpers/measure.ts";
import { freePort, startPeerServer } from "./peer.ts";

/** Of which the defaults are 20 a second: a chain of steps waits for the next poll. */
const TUNED = ["transfer", "timer", "visibility", "memoryTimer"].map(
  (queue) => `history.${queue}ProcessorMaxPollRPS`,
);
const TUNED_POLLS = 2_000;

/** Gives the address of its frontend. */
export async function startTemporal(
  context: BenchContext,
  program: string,
  isTuned: boolean,
): Promise<string> {
  const directory = await context.directory();
  const dynamic = join(directory, "dynamic.yaml");
  const polls = Object.fromEntries(TUNED.map((name) => [name, [{ value: TUNED_POLLS }]]));
  await writeFile(dynamic, stringify(isTuned ? polls : {}));
  const ports = await Promise.all(Array.from({ length: 9 }, freePort));
  const [frontend = 0] = ports;
  await writeFile(join(directory, "bench.yaml"), stringify(settings(directory, dynamic, ports)));
  const server = startPeerServer(
    context,
    program,
    ["--root", directory, "--config", ".", "--env", "bench", "--allow-no-auth", "start"],
    { cwd: directory },
  );
  await server.ready(async () => {
    const socket = connect(frontend, "127.0.0.1");
    await once(socket, "connect");
    socket.destroy();
  });
  return `127.0.0.1:${frontend}`;
}

function settings(directory: string, dynamic: string, ports: readonly number[]): object {
  const [frontend, http, matching, history, worker, ...members] = ports;
  const service = (grpcPort: number | undefined, index: number, more: object = {}) => ({
    rpc: { grpcPort, membershipPort: members[index], bindOnLocalHost: true, ...more },
  });
  const store = (name: string) => ({
    sql: {
      pluginName: "sqlite",
      databaseName: join(directory, `${name}.sqlite`),
      connectAddr: "localhost",
      connectProtocol: "tcp",
      connectAttributes: { cache: "private", setup: "true", journal_mode: "wal", synchronous: "2" },
      maxConns: 1,
      maxIdleConns: 1,
      maxConnLifetime: "1h",
    },
  });
  return {
    log: { stdout: true, level: "error" },
    persistence: {
      defaultStore: "default",
      visibilityStore: "visibility",
      numHistoryShards: 1,
      datastores: { default: store("default"), visibility: store("visibility") },
    },
    global: { membership: { maxJoinDuration: "30s", broadcastAddress: "127.0.0.1" } },
    services: {
      frontend: service(frontend, 0, { httpPort: http }),
      matching: service(matching, 1),
      history: service(history, 2),
      worker: service(worker, 3),
    },
    clusterMetadata: {
      enableGlobalNamespace: false,
      failoverVersionIncrement: 10,
      masterClusterName: "active",
      currentClusterName: "active",
      clusterInformation: {
        active: {
          enabled: true,
          initialFailoverVersion: 1,
          rpcName: "frontend",
          rpcAddress: `localhost:${frontend}`,
          httpAddress: `localhost:${http}`,
        },
      },
    },
    dcRedirectionPolicy: { policy: "noop" },
    dynamicConfigClient: { filepath: dynamic, pollInterval: "10s" },
  };
}
