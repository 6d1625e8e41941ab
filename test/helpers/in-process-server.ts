/** A complete server in the test's process, on a fake executor. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createConnectTransport } from "@connectrpc/connect-node";
import type { Transport } from "@connectrpc/connect";
import { silentLogger } from "../../src/lib/log.ts";
import { startServer, type ServerOptions } from "../../src/server/server.ts";
import type { FakeExecutor } from "./fake-executor.ts";

export interface InProcessServer {
  readonly url: string;
  /** A transport for the generated clients. */
  readonly transport: Transport;
  /** Its data directory. */
  readonly directory: string;
  /** Of an admin, where the server asks for tokens. */
  readonly firstToken: string;
  /** Where containers come over loopback: the URL of their own listener, and the local login secret. */
  readonly taskUrl: string;
  readonly localSecret: string;
}

export async function startInProcess(
  t: TestContext,
  executor: FakeExecutor,
  options: Partial<ServerOptions> = {},
): Promise<InProcessServer> {
  const directory = await mkdtemp(join(tmpdir(), "boxkite-test-"));
  const server = await startServer({
    dataDirectory: directory,
    ephemeral: true,
    port: 0,
    reach: { listenAt: "127.0.0.1", accepts: () => true, classOf: () => "loopback" },
    createExecutor: async () => executor,
    createImageTools: undefined,
    version: "0.0.0",
    queues: new Map(),
    maxParallel: 4,
    log: silentLogger,
    ...options,
  });
  t.after(async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${server.port}`;
  const firstToken = server.firstToken ?? "";
  return {
    url,
    directory,
    firstToken,
    taskUrl: `http://127.0.0.1:${server.taskPort}`,
    localSecret: server.localSecret ?? "",
    transport: createConnectTransport({ baseUrl: url, httpVersion: "1.1" }),
  };
}
