import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { suite, test } from "node:test";
import { LOCK_DIRECTORY, lockHash, readLock } from "./lock.ts";
import { variantName, variantOf, VARIANTS } from "../domain/python-variant.ts";

const CPUS = { amd64: "x86_64", arm64: "aarch64" } as const;
const PLATFORMS = { glibc: "manylinux", musl: "musllinux" } as const;

suite("the locks of the Python runtime", () => {
  test("there is one for each variant, and no other", async () => {
    const files = (await readdir(LOCK_DIRECTORY)).toSorted();
    assert.deepEqual(files, VARIANTS.map((variant) => `${variantName(variant)}.json`).toSorted());
  });

  for (const variant of VARIANTS) {
    test(`${variantName(variant)} has wheels for it only`, async () => {
      const { python, libc, arch, flyte, wheels } = await readLock(variant);
      assert.deepEqual({ python, libc, arch }, variant);
      assert.equal(wheels.find(({ name }) => name === "flyte")?.version, flyte);
      assert.equal(new Set(wheels.map(({ name }) => name)).size, wheels.length);
      for (const { file, sha256, size } of wheels) {
        assert.match(file, /^[\w.]+-[\w.!+]+-[\w.]+-[\w.]+-[\w.]+\.whl$/u);
        assert.match(sha256, /^[0-9a-f]{64}$/u);
        assert.ok(size > 0);
        const [tags = "", abi = "", platform = ""] = file.slice(0, -4).split("-").slice(-3);
        const platforms = platform.split(".");
        const fits = platforms.every((each) => each.startsWith(PLATFORMS[libc]) && each.endsWith(CPUS[arch]));
        assert.ok(platform === "any" || fits, file);
        assert.ok(["none", "abi3", `cp${python.replace(".", "")}`].includes(abi), file);
        const minors = tags.split(".").map((tag) => Number(/^cp3(\d+)$/u.exec(tag)?.[1] ?? 0));
        assert.ok(Math.max(...minors) <= Number(python.split(".")[1]), file);
      }
    });
  }

  test("another wheel is another hash, another order is not", async () => {
    const [variant, other] = VARIANTS;
    assert.ok(variant && other);
    assert.equal(await readLock(variant), await readLock(variant), "it is read once");
    const [lock, another] = await Promise.all([readLock(variant), readLock(other)]);
    assert.match(lockHash(lock), /^[0-9a-f]{12}$/u);
    assert.equal(lockHash({ ...lock, wheels: lock.wheels.toReversed() }), lockHash(lock));
    assert.notEqual(lockHash(lock), lockHash(another));
  });
});

suite("the variant of an interpreter", () => {
  const interpreter = { path: "/usr/bin/python3", version: "3.11.7", libc: "musl", arch: "arm64" };
  test("by its minor version, libc and architecture", () =>
    assert.deepEqual(variantOf(interpreter), { python: "3.11", libc: "musl", arch: "arm64" }));
  for (const [what, difference] of [
    ["an older Python", { version: "3.9.18" }],
    ["a newer Python", { version: "3.15.0" }],
    ["PyPy", { build: "pypy" }],
    ["a build without global interpreter lock", { version: "3.14.0", build: "cpython-free-threaded" }],
    ["another architecture", { arch: "riscv64" }],
    ["another libc", { libc: "uclibc" }],
  ] as const) {
    test(`${what} has none`, () => assert.equal(variantOf({ ...interpreter, ...difference }), undefined));
  }
});
