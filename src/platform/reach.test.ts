import assert from "node:assert/strict";
import { test } from "node:test";
import { isLoopback } from "../lib/loopback.ts";
import { plainAddress } from "../server/arrival.ts";
import { classWithoutBridges, widened, type Reach } from "./reach.ts";

const needed: Reach = { listenAt: "127.0.0.1", accepts: isLoopback, classOf: classWithoutBridges };

test("addresses of IPv4 are told without the prefix that a socket of IPv6 gives them", () => {
  assert.equal(plainAddress("::ffff:10.88.0.1"), "10.88.0.1");
  assert.equal(plainAddress("2001:db8::7"), "2001:db8::7");
});

test("without a host only those get in who have to", () => {
  assert.equal(widened(needed, undefined), needed);
  assert.ok(!needed.accepts("192.0.2.7", "192.0.2.8"));
});

test("a host lets others in at its address, and loopback stays: tasks come that way", () => {
  const reach = widened(needed, "192.0.2.7");
  assert.equal(reach.listenAt, "0.0.0.0");
  for (const address of ["192.0.2.7", "127.0.0.1"]) assert.ok(reach.accepts(address, "192.0.2.8"), address);
  assert.ok(!reach.accepts("198.51.100.1", "192.0.2.8"));
  assert.ok(widened(needed, "0.0.0.0").accepts("198.51.100.1", "192.0.2.8"));
  assert.equal(widened(needed, "2001:db8::7").listenAt, "::");
});

test("a host does not change from where a connection came", () => {
  const { classOf } = widened(needed, "0.0.0.0");
  assert.equal(classOf("127.0.0.1", "127.0.0.1"), "loopback");
  assert.equal(classOf("192.0.2.7", "192.0.2.7"), "loopback", "from this machine");
  assert.equal(classOf("192.0.2.7", "192.0.2.8"), "outer");
});
