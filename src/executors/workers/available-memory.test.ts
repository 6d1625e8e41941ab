import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAvailable } from "./available-memory.ts";

test("available memory is what the kernel says, which is more than what is free", () => {
  const text =
    "MemTotal:       24644612 kB\nMemFree:          324476 kB\nMemAvailable:   18061352 kB\nBuffers: 1 kB\n";
  assert.equal(parseAvailable(text), 18_061_352 * 1024);
  assert.equal(parseAvailable("MemTotal: 1 kB\n"), undefined);
});
