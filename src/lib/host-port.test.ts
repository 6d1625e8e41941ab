import assert from "node:assert/strict";
import { test } from "node:test";
import { hostPort } from "./host-port.ts";

test("an IPv6 address has brackets before a port", () => {
  const hosts = ["name", "10.88.0.1", "fd00::1", "[fd00::1]"];
  assert.deepEqual(
    hosts.map((host) => hostPort(host, 80)),
    ["name:80", "10.88.0.1:80", "[fd00::1]:80", "[fd00::1]:80"],
  );
});
