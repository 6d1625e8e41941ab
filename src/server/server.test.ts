import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, readlink } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { createFakeExecutor } from "../../test/helpers/fake-executor.ts";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import type { Executor } from "../executors/executor.ts";
import { silentLogger } from "../lib/log.ts";
import { startServer } from "./server.ts";

test("what was opened is closed when the server does not start", async (t) => {
  const holder = createServer().listen(0, "127.0.0.1");
  t.after(() => new Promise((done) => holder.close(done)));
  await once(holder, "listening");
  const { port } = holder.address() as AddressInfo;
  await refuses(t, createFakeExecutor(), port, /is in use/u);
});

test("nor does it go on listening when the orchestrator does not start", async (t) => {
  const list = () => Promise.reject(new Error("no list"));
  await refuses(t, { ...createFakeExecutor(), list }, 0, /no list/u);
  assert.ok(!process.getActiveResourcesInfo().includes("TCPServerWrap"));
});

async function refuses(t: TestContext, executor: Executor, port: number, why: RegExp): Promise<void> {
  const dataDirectory = await temporaryDirectory(t);
  const started = startServer({
    dataDirectory,
    ephemeral: false,
    port,
    reach: { listenAt: "127.0.0.1", accepts: () => true, classOf: () => "loopback" },
    createExecutor: async () => executor,
    createImageTools: undefined,
    maxParallel: 1,
    queues: new Map(),
    version: "0.0.0",
    log: silentLogger,
  });
  await assert.rejects(started, why);
  assert.deepEqual(await openFilesBelow(dataDirectory), []);
}

/** Linux only; elsewhere there is nothing to see. */
async function openFilesBelow(directory: string): Promise<string[]> {
  const names = await readdir("/proc/self/fd").catch(() => []);
  const files = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => "")));
  return files.filter((file) => file.startsWith(directory));
}
