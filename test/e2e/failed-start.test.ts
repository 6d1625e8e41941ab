/** A failed start ends the process, also where it had started the engine's service. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { missingEngine } from "../helpers/engine.ts";
import { BOXKITE, temporaryDirectory } from "../helpers/server.ts";
import { runProgram } from "../helpers/stock-sdk.ts";

test(
  "boxkite up on a port that is taken says so and ends",
  { skip: missingEngine("podman") ?? false },
  async (t) => {
    const holder = createServer().listen(0, "127.0.0.1");
    t.after(() => void holder.close());
    await once(holder, "listening");
    const { port } = holder.address() as AddressInfo;
    const args = [BOXKITE, "up", "--engine", "podman", "--ephemeral", "--port", String(port)];
    const { code, stderr } = await runProgram(process.execPath, args, { cwd: await temporaryDirectory(t) });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /PORT_IN_USE/u);
  },
);
