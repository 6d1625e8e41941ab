import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { recordingLogger } from "../../test/helpers/recording-logger.ts";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { createBridgeAddresses } from "./bridge-addresses.ts";

const ADDRESS = "1a:f8:23:de:db:6b";

/** A kernel with two bridges, whose addresses change unless they were set. */
async function kernel(t: TestContext, exitCode = 0) {
  const interfaces = await temporaryDirectory(t);
  const write = (bridge: string, file: string, text: string) =>
    writeFile(join(interfaces, bridge, file), `${text}\n`);
  for (const bridge of ["bxk1", "podman0"]) {
    await mkdir(join(interfaces, bridge));
    await write(bridge, "addr_assign_type", "1");
    await write(bridge, "address", ADDRESS);
  }
  const calls: string[] = [];
  const { log, lines } = recordingLogger();
  const addresses = createBridgeAddresses({
    interfaces,
    log,
    defaultBridge: "podman0",
    run: async (program, args) => {
      calls.push([program, ...args].join(" "));
      const [bridge = ""] = args.slice(3);
      if (exitCode === 0) await write(bridge, "addr_assign_type", "3");
      // Another port has come meanwhile.
      await write(bridge, "address", "02:00:00:00:00:01");
      return { exitCode, stdout: "", stderr: "RTNETLINK answers: Operation not permitted\n" };
    },
  });
  const remove = () => rm(join(interfaces, "bxk1"), { recursive: true });
  return { addresses, calls, lines, remove };
}

test("a bridge is set to the address that it has, once, also for containers that start together", async (t) => {
  const { addresses, calls, lines } = await kernel(t);
  await Promise.all([addresses.keep("bxk1"), addresses.keep("bxk1")]);
  await addresses.keep("bxk1");
  assert.deepEqual(calls, [`ip link set dev bxk1 address ${ADDRESS}`]);
  assert.deepEqual(lines, []);
});

test("without the network of a run it is the engine's own", async (t) => {
  const { addresses, calls } = await kernel(t);
  await addresses.keep(undefined);
  assert.deepEqual(calls, [`ip link set dev podman0 address ${ADDRESS}`]);
});

test("a bridge that is gone needs none", async (t) => {
  const { addresses, calls, lines, remove } = await kernel(t);
  await remove();
  await addresses.keep("bxk1");
  assert.deepEqual([calls, lines], [[], []]);
});

test("where it cannot be set, the log says what that means and what to do, once", async (t) => {
  const { addresses, calls, lines } = await kernel(t, 2);
  await addresses.keep("bxk1");
  await addresses.keep("bxk1");
  assert.equal(calls.length, 2, "the right may have been given since");
  assert.equal(lines.length, 1);
  const [{ level, error, hint } = {}] = lines;
  assert.equal(level, "warn");
  assert.match(String(error), /not permitted/u);
  assert.match(String(hint), /iproute2.*netavark 1\.9/u);
});
