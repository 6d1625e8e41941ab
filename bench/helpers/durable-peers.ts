/**
 * Engines whose steps are durable, for comparison with a call in local mode, which is not: where
 * BOXKITE_BENCH_PEERS names a folder in which they are installed. They are no dependencies.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { BenchContext } from "./measure.ts";

export interface PeerStep {
  readonly name: string;
  /** Of one step in a chain. */
  readonly ms: number;
}

export async function peerSteps(context: BenchContext, steps: number): Promise<readonly PeerStep[]> {
  const folder = process.env["BOXKITE_BENCH_PEERS"];
  if (folder === undefined) return [];
  const has = (name: string) => existsSync(join(folder, "node_modules", name));
  const results: PeerStep[] = [];
  if (has("@dbos-inc/dbos-sdk") && process.env["DBOS_SYSTEM_DATABASE_URL"] !== undefined)
    results.push({ name: "a step of DBOS, on PostgreSQL", ms: await run(context, folder, DBOS, steps) });
  if (has("@restatedev/restate-server") && has("@restatedev/restate-sdk"))
    results.push({ name: "a step of Restate", ms: await restateStep(context, folder, steps) });
  return results;
}

/** Its last line is the milliseconds of one step. */
async function run(
  context: BenchContext,
  folder: string,
  program: string,
  steps: number,
  ...args: string[]
): Promise<number> {
  const file = join(folder, `boxkite-peer-${process.pid}-${steps}.mjs`);
  await writeFile(file, program);
  context.defer(() => rm(file, { force: true }));
  const { stdout } = await promisify(execFile)(process.execPath, [file, String(steps), ...args], {
    cwd: folder,
    timeout: 120_000,
  });
  return Number(stdout.trim().split("\n").at(-1));
}

const DBOS = `
import { DBOS } from "@dbos-inc/dbos-sdk";
const steps = Number(process.argv[2]);
const chain = DBOS.registerWorkflow(async (n) => {
  let value = 0;
  for (let step = 0; step < n; step++) value = await DBOS.runStep(async () => value + 1, { name: "one" });
  return value;
}, { name: "chain" });
DBOS.setConfig({ name: "bench", systemDatabaseUrl: process.env.DBOS_SYSTEM_DATABASE_URL, logLevel: "error" });
await DBOS.launch();
await chain(5);
const started = performance.now();
await chain(steps);
console.log((performance.now() - started) / steps);
await DBOS.shutdown();
process.exit(0);
`;

const RESTATE = `
import * as restate from "@restatedev/restate-sdk";
import * as clients from "@restatedev/restate-sdk-clients";
const [steps, admin, ingress, port] = process.argv.slice(2).map(Number);
const service = restate.service({
  name: "bench",
  handlers: {
    chain: async (context, n) => {
      let value = 0;
      for (let step = 0; step < n; step++) value = await context.run("one", () => value + 1);
      return value;
    },
  },
});
await restate.serve({ services: [service], port });
const answer = await fetch("http://127.0.0.1:" + admin + "/deployments", {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ uri: "http://127.0.0.1:" + port }),
});
if (!answer.ok) throw new Error(await answer.text());
const bench = clients.connect({ url: "http://127.0.0.1:" + ingress }).serviceClient({ name: "bench" });
await bench.chain(5);
const started = performance.now();
await bench.chain(steps);
console.log((performance.now() - started) / steps);
process.exit(0);
`;

async function restateStep(context: BenchContext, folder: string, steps: number): Promise<number> {
  const [admin, ingress, node, port] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const server = spawn(join(folder, "node_modules/.bin/restate-server"), ["--node-name", "bench"], {
    cwd: folder,
    stdio: "ignore",
    env: {
      ...process.env,
      RESTATE_BASE_DIR: await context.directory(),
      RESTATE_ADMIN__BIND_ADDRESS: `127.0.0.1:${admin}`,
      RESTATE_INGRESS__BIND_ADDRESS: `127.0.0.1:${ingress}`,
      RESTATE_BIND_ADDRESS: `127.0.0.1:${node}`,
      RESTATE_ADVERTISED_ADDRESS: `http://127.0.0.1:${node}`,
    },
  });
  const exited = once(server, "exit");
  context.defer(async () => {
    server.kill("SIGTERM");
    await exited;
  });
  for (let tries = 0; ; tries++) {
    const health = await fetch(`http://127.0.0.1:${admin}/health`).catch(() => undefined);
    if (health?.ok === true) break;
    if (tries === 120 || server.exitCode !== null) throw new Error("the Restate server did not get ready");
    await sleep(500);
  }
  return run(context, folder, RESTATE, steps, String(admin), String(ingress), String(port));
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
