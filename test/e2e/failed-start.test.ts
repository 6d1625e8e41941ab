/** A failed start ends the process, also where it had started the engine's service. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, mkdir } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
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

test(
  "boxkite up that cannot note its address says so and ends",
  { skip: missingEngine("podman") ?? false },
  async (t) => {
    const data = join(await temporaryDirectory(t), "data");
    await mkdir(join(data, "connection.json"), { recursive: true });
    await chmod(data, 0o700);
    const args = [BOXKITE, "up", "--engine", "podman", "--data", data, "--port", "0"];
    const { code, stderr } = await runProgram(process.execPath, args, { cwd: data });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /DATA_DIRECTORY_UNUSABLE/u);
  },
);
