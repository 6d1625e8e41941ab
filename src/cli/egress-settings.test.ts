import assert from "node:assert/strict";
import { test } from "node:test";
import { readEgress } from "./egress-settings.ts";

test("the list is read, and registries of the settings file are allowed", () => {
  const allowance = readEgress(
    { allow: ["10.0.0.0/8", "hooks.corp:8080"] },
    new Map([["registry.corp:5000", {}]]),
  );
  assert.ok(allowance.allowsAddress("10.1.2.3"));
  assert.ok(allowance.allowsHost(new URL("http://hooks.corp:8080/x")));
  assert.ok(allowance.allowsHost(new URL("https://registry.corp:5000/v2/")));
  assert.ok(!readEgress(undefined, new Map()).allowsAddress("10.1.2.3"));
});

test("what is wrong is refused with the setting", () => {
  for (const [value, message] of [
    [[], /^egress is not a mapping/u],
    [{ deny: [] }, /^egress has unknown settings: deny/u],
    [{ allow: "10.0.0.0/8" }, /^egress: allow is "10.0.0.0\/8"; it must be a list/u],
    [{ allow: [1] }, /^egress: allow is \[1\]/u],
    [{ allow: ["http://x"] }, /^egress: allow has an entry that is wrong: "http:\/\/x" is no network/u],
  ] as const)
    assert.throws(() => readEgress(value, new Map()), { code: "CONFIG_INVALID", message });
});
