/**
 * `enqueue-server.ts plain|tokens`: a server on a fake executor, whose store is on the disk. `plain` has neither tokens nor
 * an audit log; `tokens` has both, and gives the token of an admin and of the one attempt that runs.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT_ACTION } from "../../src/domain/ids.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { tokenOf } from "../../src/orchestrator/attempt-token.ts";
import { createSigningKeys } from "../../src/orchestrator/signing-keys.ts";
import { findSigningKeys } from "../../src/orchestrator/stored-signing-keys.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { startServer } from "../../src/server/server.ts";
import { STORE_FILE } from "../../src/server/store-file.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { createFakeExecutor } from "../../test/helpers/fake-executor.ts";
import { NO_AUDIT } from "../../test/helpers/no-audit.ts";
import { SCOPE } from "./requests.ts";

const [mode, run = "enqueue"] = process.argv.slice(2);
const directory = await mkdtemp(join(tmpdir(), "boxkite-bench-"));
const server = await startServer({
  dataDirectory: directory,
  ephemeral: true,
  port: 0,
  reach: { listenAt: "127.0.0.1", accepts: () => true, classOf: () => "loopback" },
  createExecutor: async () => createFakeExecutor(),
  createImageTools: undefined,
  version: "0.0.0",
  queues: new Map(),
  maxParallel: 1,
  log: silentLogger,
  auth: mode === "tokens" ? "tokens" : "off",
  ...(mode === "plain" && { audit: NO_AUDIT }),
});
process.once("SIGTERM", () => {
  void server.close().then(() => rm(directory, { recursive: true, force: true }));
});
process.stdout.write(
  `${JSON.stringify({ port: server.port, data: directory, token: server.firstToken, attemptToken: await attemptToken() })}\n`,
);

async function attemptToken(): Promise<string> {
  const store = openSqliteStore(join(directory, STORE_FILE));
  const ring = await findSigningKeys(store);
  await store.close();
  if (ring === undefined) throw new Error("the server has no signing key");
  const attempt = { ...SCOPE, run, action: ROOT_ACTION, attempt: 1 };
  return tokenOf(
    createSigningKeys(() => ring, systemClock),
    attempt,
  );
}
