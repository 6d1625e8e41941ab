/** Which ports the server has: that of task containers must be the same when it starts again. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { recordingLogger } from "../../test/helpers/recording-logger.ts";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { classWithoutBridges, type Reach } from "../platform/reach.ts";
import type { Handler } from "./listener.ts";
import { openListeners } from "./listeners.ts";

const reach: Reach = { listenAt: "127.0.0.1", accepts: () => true, classOf: classWithoutBridges };
const says =
  (text: string): Handler =>
  (_, response) =>
    void response.end(text);
const handlers = { everybody: says("everybody"), tasks: () => says("tasks") };

async function open(t: TestContext, dataDirectory: string, port: number, taskReach?: Reach) {
  const { log, lines } = recordingLogger();
  const listeners = await openListeners({ port, reach, taskReach, handlers, dataDirectory, log });
  t.after(() => listeners.close());
  return { ...listeners, lines };
}

const said = async (port: number | undefined) => (await fetch(`http://127.0.0.1:${port}/`)).text();

async function occupy(t: TestContext, port: number): Promise<number> {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

test("task containers have a port of their own, the same again when everybody's port is another one", async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await open(t, directory, 0, reach);
  assert.notEqual(first.taskPort, undefined);
  assert.deepEqual([await said(first.port), await said(first.taskPort)], ["everybody", "tasks"]);
  await first.close();
  await assert.rejects(said(first.taskPort));
  const again = await open(t, directory, 0, reach);
  assert.equal(again.taskPort, first.taskPort);
  assert.deepEqual(again.lines, []);
});

test("at first it is the next port, or another one where that is in use", async (t) => {
  let free = await open(t, await temporaryDirectory(t), 0, reach);
  // Another program of the machine may have the next one.
  for (let tries = 0; free.taskPort !== free.port + 1 && tries < 10; tries++)
    free = await open(t, await temporaryDirectory(t), 0, reach);
  assert.equal(free.taskPort, free.port + 1);
  // The next port of this one is that of the first one.
  const directory = await temporaryDirectory(t);
  const port = await occupy(t, 0);
  await free.close();
  const besides = await occupy(t, free.port + 1);
  const other = await open(t, directory, free.port, reach);
  assert.ok(![port, besides, free.port].includes(other.taskPort ?? 0));
  assert.equal(await said(other.taskPort), "tasks");
});

test("a stored port that another program has is given up, with a warning", async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await open(t, directory, 0, reach);
  await first.close();
  await occupy(t, first.taskPort ?? 0);
  const second = await open(t, directory, 0, reach);
  assert.notEqual(second.taskPort, first.taskPort);
  assert.match(JSON.stringify(second.lines), /tasks that still run cannot call/u);
  await second.close();
  const third = await open(t, directory, 0, reach);
  assert.equal(third.taskPort, second.taskPort);
});

test("a file that holds no port is as none", async (t) => {
  for (const text of ["-1", "99999", "30081x", ""]) {
    const directory = await temporaryDirectory(t);
    await writeFile(join(directory, "task-port"), text);
    const listeners = await open(t, directory, 0, reach);
    assert.equal(await said(listeners.taskPort), "tasks", text);
    assert.deepEqual(listeners.lines, []);
  }
});

test("where containers are told from people there is one port", async (t) => {
  const { taskPort } = await open(t, await temporaryDirectory(t), 0);
  assert.equal(taskPort, undefined);
});
