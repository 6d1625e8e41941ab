import assert from "node:assert/strict";
import { test } from "node:test";
import { readSharedPorts } from "./port-settings.ts";

test("ports are read, and what is none is named", () => {
  assert.deepEqual([...readSharedPorts({ "15432": 5432 })], [[15_432, 5_432]]);
  assert.equal(readSharedPorts(undefined).size, 0);
  const rows: readonly [unknown, RegExp][] = [
    [{ postgres: 5432 }, /"postgres" is not a port from 1 to 65535/u],
    [{ "0": 5432 }, /"0" is not a port/u],
    [{ "70000": 5432 }, /"70000" is not a port/u],
    [{ "15432": "x" }, /share-ports: 15432 is "x"; it must be a whole number from 1 to 65535/u],
    [{ "5432": 5432 }, /5432 is the service's own port/u],
    [[5432], /share-ports is not a mapping/u],
  ];
  for (const [value, message] of rows)
    assert.throws(() => readSharedPorts(value), { code: "CONFIG_INVALID", message });
});
