import assert from "node:assert/strict";
import { test } from "node:test";
import { containersIn, splitSubnet } from "./subnets.ts";

test("a block is split into networks, and a smaller one is used as it is", () => {
  const parts = [...splitSubnet("172.18.0.0/16", 26)];
  assert.equal(parts.length, 1024);
  assert.deepEqual(parts[5], { subnet: "172.18.1.64/26", gateway: "172.18.1.65" });
  assert.deepEqual(parts.at(-1), { subnet: "172.18.255.192/26", gateway: "172.18.255.193" });
  assert.deepEqual([...splitSubnet("10.0.0.32/28", 26)], [{ subnet: "10.0.0.32/28", gateway: "10.0.0.33" }]);
  assert.equal(containersIn("172.18.1.64/26"), 61);
});
