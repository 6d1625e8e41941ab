import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { silentLogger } from "../lib/log.ts";
import { sharePorts } from "./shared-ports.ts";

/** Answers with what it was sent, once that has ended. */
async function service(t: TestContext): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function ask(port: number, question: string): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port });
  socket.end(question);
  return text(socket).catch(() => "dropped");
}

test("a connection from where the reach allows is passed on; others and dead services are ended", async (t) => {
  const [port, closed, target, nothing] = [
    await freePort(),
    await freePort(),
    await service(t),
    await freePort(),
  ];
  let isAllowed = true;
  const reach = { listenAt: "127.0.0.1", accepts: () => isAllowed, classOf: () => "loopback" as const };
  const ports = new Map([
    [port, target],
    [closed, nothing],
  ]);
  const end = await sharePorts({ ports, reach, log: silentLogger });
  t.after(end);
  const long = "query ".repeat(100_000);
  assert.equal(await ask(port, long), long);
  assert.match(await ask(closed, "query"), /^(?:dropped)?$/u);
  isAllowed = false;
  assert.match(await ask(port, "query"), /^(?:dropped)?$/u);
});

test("a port that is in use is named, and those before it are closed again", async (t) => {
  const [port, used] = [await freePort(), await service(t)];
  const reach = { listenAt: "127.0.0.1", accepts: () => true, classOf: () => "loopback" as const };
  const ports = new Map([
    [port, 1],
    [used, 1],
  ]);
  const refusal = { code: "PORT_IN_USE", message: new RegExp(`port ${used} is in use`, "u") };
  await assert.rejects(sharePorts({ ports, reach, log: silentLogger }), refusal);
  const end = await sharePorts({ ports: new Map([[port, 1]]), reach, log: silentLogger });
  await end();
});
