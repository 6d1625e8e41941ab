/** The products of others, and how each is run: with its defaults where nothing else is said, and what it syncs. */
import { existsSync } from "node:fs";
import { copyFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { BenchContext } from "../helpers/measure.ts";
import { PYTHON } from "../helpers/server.ts";
import { CACHE, venvProgram } from "./cache.ts";
import { freePort, probeHttp, startPeerProgram, startPeerServer, type Peer } from "./peer.ts";
import { startPostgres } from "./postgres.ts";
import { startTemporal } from "./temporal.ts";

const FOLDER = import.meta.dirname;
const ONE_PROCESS = "none: all steps run in one process that is there";

const missingFile = (name: string, file: string) =>
  existsSync(file) ? undefined : `it is not installed: node bench/peers/install.ts ${name}`;

const python = (context: BenchContext, interpreter: string, file: string, env: NodeJS.ProcessEnv) =>
  startPeerProgram(context, interpreter, [join(FOLDER, file)], { env: { ...process.env, ...env } });

const flyteLocal: Peer = {
  name: "Flyte's local mode",
  conditions: { durability: "none: nothing is kept", isolation: ONE_PROCESS },
  mostAtOnce: 10_000,
  missing: () => (existsSync(PYTHON) ? undefined : `there is no ${PYTHON}`),
  start: async (context) =>
    python(context, PYTHON, "flyte_local.py", { HOME: await context.directory(), LOG_LEVEL: "40" }),
};

const restate = (variant: "calls" | "journal"): Peer => ({
  name: variant === "calls" ? "Restate, durable calls" : "Restate, steps of one journal",
  conditions: {
    durability: "its log is synced before it is acknowledged (default: rocksdb-disable-wal-fsync = false)",
    isolation: ONE_PROCESS,
  },
  // The journal of one invocation takes quadratic time.
  mostAtOnce: variant === "calls" ? 10_000 : 1_000,
  missing: () => missingFile("restate", join(CACHE, "restate/node_modules/.bin/restate-server")),
  start: async (context) => {
    const [admin, ingress, node, port] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    const directory = await context.directory();
    const server = startPeerServer(
      context,
      join(CACHE, "restate/node_modules/.bin/restate-server"),
      ["--node-name", "bench"],
      {
        cwd: directory,
        env: {
          ...process.env,
          RESTATE_BASE_DIR: directory,
          RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
          RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
          RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
          RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
        },
      },
    );
    await server.ready(() => probeHttp(`http://127.0.0.1:${admin}/health`));
    // Node finds packages from where the program is.
    await symlink(join(CACHE, "restate/node_modules"), join(directory, "node_modules"));
    const program = join(directory, "restate-service.mjs");
    await copyFile(join(FOLDER, "restate-service.mjs"), program);
    return startPeerProgram(
      context,
      process.execPath,
      [program, variant, ...[admin, ingress, port].map(String)],
      {
        cwd: directory,
      },
    );
  },
});

const dbos: Peer = {
  name: "DBOS",
  conditions: { durability: "PostgreSQL, synchronous_commit = on, fsync = on", isolation: ONE_PROCESS },
  mostAtOnce: 1_000,
  missing: () => missingFile("dbos", venvProgram("dbos", "python")) ?? startPostgres.missing(),
  start: async (context) => {
    const { url } = await startPostgres(context);
    return python(context, venvProgram("dbos", "python"), "dbos_steps.py", { DATABASE_URL: url });
  },
};

const temporal = (isTuned: boolean): Peer => ({
  name: isTuned ? "Temporal, tuned" : "Temporal, default",
  conditions: {
    durability: "SQLite, WAL, synchronous = FULL",
    isolation: `${ONE_PROCESS}${isTuned ? "; its queues are polled 2,000 times a second instead of 20" : ""}`,
  },
  mostAtOnce: 10_000,
  missing: () =>
    missingFile("temporal", venvProgram("temporal", "python")) ??
    missingFile("temporal", venvProgram("temporal", "server")),
  start: async (context) => {
    const address = await startTemporal(context, venvProgram("temporal", "server"), isTuned);
    return python(context, venvProgram("temporal", "python"), "temporal_worker.py", {
      TEMPORAL_ADDRESS: address,
    });
  },
});

const prefect: Peer = {
  name: "Prefect",
  conditions: {
    durability: "SQLite, WAL, synchronous = NORMAL: a commit is not synced",
    isolation: ONE_PROCESS,
  },
  mostAtOnce: 1_000,
  missing: () => missingFile("prefect", venvProgram("prefect", "prefect")),
  start: async (context) => {
    const port = String(await freePort());
    const env = {
      PREFECT_HOME: await context.directory(),
      PREFECT_API_URL: `http://127.0.0.1:${port}/api`,
      PREFECT_LOGGING_LEVEL: "ERROR",
      PREFECT_SERVER_ANALYTICS_ENABLED: "false",
      DO_NOT_TRACK: "1",
    };
    const args = ["server", "start", "--host", "127.0.0.1", "--port", port];
    const server = startPeerServer(context, venvProgram("prefect", "prefect"), args, {
      env: { ...process.env, ...env },
    });
    await server.ready(() => probeHttp(`${env.PREFECT_API_URL}/health`));
    return python(context, venvProgram("prefect", "python"), "prefect_flows.py", env);
  },
};

const dagster: Peer = {
  name: "Dagster",
  conditions: { durability: "SQLite, WAL, synchronous = FULL", isolation: ONE_PROCESS },
  mostAtOnce: 1_000,
  missing: () => missingFile("dagster", venvProgram("dagster", "python")),
  start: async (context) =>
    python(context, venvProgram("dagster", "python"), "dagster_jobs.py", {
      DAGSTER_HOME: await context.directory(),
      DAGSTER_DISABLE_TELEMETRY: "1",
    }),
};

export const PEERS: readonly Peer[] = [
  flyteLocal,
  restate("calls"),
  restate("journal"),
  dbos,
  temporal(false),
  temporal(true),
  prefect,
  dagster,
];
