import assert from "node:assert/strict";
import { test } from "node:test";
import { availableBytes, currentUsage, Leftovers } from "./leftovers.ts";

const MIB = 1024 ** 2;

test("what the first attempt leaves is what all of them use", () => {
  const leftovers = new Leftovers(1000 * MIB);
  assert.equal(leftovers.check({ resources: 500, residentBytes: 900 * MIB }, 0), undefined);
  assert.equal(leftovers.check({ resources: 564, residentBytes: 1400 * MIB }, 0), undefined);
});

test("timers and handles that grow past the bound are named; those of running attempts do not count", () => {
  const leftovers = new Leftovers(1000 * MIB);
  leftovers.check({ resources: 3, residentBytes: 0 }, 0);
  const grown = { resources: 68, residentBytes: 0 };
  assert.match(leftovers.check(grown, 0) ?? "", /left 65 timers/u);
  assert.equal(leftovers.check(grown, 1), undefined);
});

test("memory that grows past half of what there is, or past 2 GiB, is named", () => {
  const small = new Leftovers(1000 * MIB);
  small.check({ resources: 0, residentBytes: 100 * MIB }, 0);
  assert.match(small.check({ resources: 0, residentBytes: 601 * MIB }, 0) ?? "", /grown by 501 MiB/u);
  const large = new Leftovers(100_000 * MIB);
  large.check({ resources: 0, residentBytes: 0 }, 0);
  assert.equal(large.check({ resources: 0, residentBytes: 2048 * MIB }, 0), undefined);
  assert.match(large.check({ resources: 0, residentBytes: 2049 * MIB }, 0) ?? "", /2049 MiB/u);
});

test("this process says what it uses", () => {
  const timer = setTimeout(() => undefined, 1000);
  const usage = currentUsage();
  clearTimeout(timer);
  assert.ok(usage.resources > currentUsage().resources);
  assert.ok(usage.residentBytes > MIB && availableBytes() > MIB);
});
