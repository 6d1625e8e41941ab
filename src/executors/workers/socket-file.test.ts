import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { connectToSocket, hasSocket } from "./socket-file.ts";

test("the socket of a worker is its own: a link to that of another one, and what is no socket, are not connected to", async (t) => {
  const root = await temporaryDirectory(t);
  const [own, linked, plain] = ["own", "linked", "plain"].map((name) => join(root, name));
  assert.ok(own !== undefined && linked !== undefined && plain !== undefined);
  for (const directory of [own, linked, plain]) await mkdir(directory);
  const server = createServer((socket) => socket.destroy());
  let connections = 0;
  server.on("connection", () => connections++);
  server.listen(join(root, "s"));
  await once(server, "listening");
  t.after(() => server.close());
  await rename(join(root, "s"), join(own, "socket"));
  await symlink("../own/socket", join(linked, "socket"));
  await writeFile(join(plain, "socket"), "");

  assert.deepEqual([own, linked, plain, root].map(hasSocket), [true, false, false, false]);
  for (const directory of [linked, plain, root])
    await assert.rejects(connectToSocket(directory), { code: "ENOENT" });
  assert.equal(connections, 0);
  const socket = await connectToSocket(own);
  t.after(() => socket.destroy());
  assert.equal(connections, 1);
});
