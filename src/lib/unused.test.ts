import assert from "node:assert/strict";
import { chmod, mkdir, readdir, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { MARK_EVERY_MS, markUsed, removeUnused } from "./unused.ts";

const DAY_MS = 24 * 3_600_000;
/** The user nobody of most systems; any but root will do. */
const NOBODY = 65_534;

async function setUp(t: TestContext, ageDays: Readonly<Record<string, number>>) {
  const parent = await temporaryDirectory(t);
  const clock = steppedClock(Date.now());
  for (const [name, days] of Object.entries(ageDays)) {
    await mkdir(join(parent, name));
    await writeFile(join(parent, name, "file"), "x".repeat(1_000));
    const seconds = (clock.now() - days * DAY_MS) / 1_000;
    await utimes(join(parent, name), seconds, seconds);
  }
  const left = async () => (await readdir(parent)).toSorted();
  return { parent, clock, left };
}

suite("what can be made again", () => {
  test("is removed after a month without use, unless it is kept; what was half removed goes at once", async (t) => {
    const { parent, clock, left } = await setUp(t, { old: 31, kept: 31, new: 29, "half.removed": 0 });
    await removeUnused(parent, clock, { isKept: (name) => name === "kept" });
    assert.deepEqual(await left(), ["kept", "new"]);
  });

  test("is removed beyond a size, but for what is in use", async (t) => {
    const { parent, clock, left } = await setUp(t, { a: 3, b: 2, c: 0, d: 0 });
    await removeUnused(parent, clock, { bytes: 1_500, inUseMs: DAY_MS });
    assert.deepEqual(await left(), ["c", "d"]);
    const another = await setUp(t, { a: 3, b: 2, c: 1 });
    await removeUnused(another.parent, another.clock, { bytes: 2_500 });
    assert.deepEqual(await another.left(), ["b", "c"]);
  });

  test("is as large as its files: links count as nothing, and are not followed", async (t) => {
    const { parent, clock, left } = await setUp(t, { a: 3, b: 2 });
    for (const name of ["a", "b"]) {
      await mkdir(join(parent, name, "d"));
      await symlink("..", join(parent, name, "d/up"));
    }
    await removeUnused(parent, clock, { bytes: 2_000 });
    assert.deepEqual(await left(), ["a", "b"]);
  });

  test("is marked as used once an hour", async (t) => {
    const { parent, clock } = await setUp(t, { a: 0 });
    const path = join(parent, "a");
    const usedAt = async () => Math.round((await stat(path)).mtimeMs);
    const first = await usedAt();
    await clock.step(MARK_EVERY_MS - 1_000);
    await markUsed(path, clock);
    assert.equal(await usedAt(), first);
    await clock.step(1_000);
    await markUsed(path, clock);
    assert.equal(await usedAt(), clock.now());
  });

  test("may be gone", async (t) => {
    const { parent, clock } = await setUp(t, {});
    await markUsed(join(parent, "none"), clock);
    await removeUnused(join(parent, "none"), clock);
  });

  test("stays where it belongs to another user", { skip: process.getuid?.() !== 0 }, async (t) => {
    const { parent, clock, left } = await setUp(t, { a: 31 });
    await chmod(parent, 0o755);
    try {
      process.seteuid?.(NOBODY);
      await markUsed(join(parent, "a"), clock);
      await removeUnused(parent, clock);
    } finally {
      process.seteuid?.(0);
    }
    assert.deepEqual(await left(), ["a"]);
  });
});
