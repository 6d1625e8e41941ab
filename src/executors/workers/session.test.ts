import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, rename, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { systemClock } from "../../lib/clock.ts";
import { silentLogger } from "../../lib/log.ts";
import type { Report } from "../../domain/worker-protocol.ts";
import { WorkerSession } from "./session.ts";

const READY = { event: "ready", mode: "one_shot", runtime: "3.11", sdk: "2.12.1", known: [] } as const;

/** A worker's side, whose socket appears as a real one's does. */
async function listen(
  t: TestContext,
  directory: string,
): Promise<{ server: Server; next: () => Promise<Socket> }> {
  const server = createServer();
  const connections: Socket[] = [];
  server.on("connection", (socket) => connections.push(socket));
  const unfinished = join(await temporaryDirectory(t), "socket");
  server.listen(unfinished);
  await once(server, "listening");
  await rename(unfinished, join(directory, "socket"));
  t.after(() => {
    server.close();
    for (const socket of connections) socket.destroy();
  });
  const next = async () => {
    const known = connections.shift();
    if (known !== undefined) return known;
    const [socket] = (await once(server, "connection")) as [Socket];
    connections.splice(connections.indexOf(socket), 1);
    return socket;
  };
  return { server, next };
}

async function setUp(t: TestContext) {
  // Deeper than the path of a socket may be long.
  const directory = join(await temporaryDirectory(t), "d".repeat(120));
  await mkdir(directory);
  const session = new WorkerSession(directory, systemClock, silentLogger);
  t.after(() => session.close());
  const reports: Report[] = [];
  session.onReport((report) => reports.push(report));
  return { directory, session, reports };
}

suite("a worker's session", () => {
  test("is ready when the socket is there and its first line has come", async (t) => {
    const { directory, session, reports } = await setUp(t);
    await assert.rejects(session.send({ op: "signal", id: "1", signal: "TERM" }), {
      code: "ENGINE_UNREACHABLE",
    });
    const { next } = await listen(t, directory);
    const socket = await next();
    socket.write(`no report\n{"event":"started"}\n${JSON.stringify(READY).slice(0, 10)}`);
    socket.write(`${JSON.stringify(READY).slice(10)}\n`);
    assert.deepEqual(await session.ready, READY);
    assert.deepEqual(reports, [READY]);
    await session.send({ op: "start", id: "1", args: ["x"], env: { A: "b" } });
    const [data] = (await once(socket, "data")) as [Buffer];
    assert.deepEqual(JSON.parse(data.toString()), { op: "start", id: "1", args: ["x"], env: { A: "b" } });
  });

  test("says which libraries its worker has, and why it has not others", async (t) => {
    const { directory, session } = await setUp(t);
    const { next } = await listen(t, directory);
    const ready = { ...READY, preloaded: ["numpy"], leftOut: { torch: "it prints" } };
    (await next()).write(`${JSON.stringify(ready)}\n`);
    assert.deepEqual(await session.ready, ready);
  });

  test("connects again after a break", async (t) => {
    const { directory, session, reports } = await setUp(t);
    const { next } = await listen(t, directory);
    (await next()).end(`${JSON.stringify(READY)}\n`);
    const again = await next();
    again.write(`${JSON.stringify({ ...READY, known: ["1"] })}\n`);
    await session.ready;
    while (reports.length < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(reports, [READY, { ...READY, known: ["1"] }]);
  });

  test("that is closed before is never ready", async (t) => {
    const { directory, session } = await setUp(t);
    session.close();
    await assert.rejects(session.ready, { code: "ENGINE_UNREACHABLE" });
    await rm(directory, { recursive: true });
  });
});
