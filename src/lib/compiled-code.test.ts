import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { compiledCodeDirectory } from "./compiled-code.ts";

const root = join(import.meta.dirname, "../..");
const USER = userInfo().uid;

async function homeOf(t: TestContext): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "boxkite-home-"));
  t.after(() => rm(home, { recursive: true }));
  return home;
}

test("compiled code is kept in the user's own directory for caches", async (t) => {
  const home = await homeOf(t);
  const caches = join(home, "caches");
  await mkdir(caches);
  const cases: readonly [NodeJS.ProcessEnv, string | undefined][] = [
    [{ HOME: home }, join(home, ".cache/boxkite/compiled")],
    [{ HOME: home, XDG_CACHE_HOME: caches }, join(caches, "boxkite/compiled")],
    [{ HOME: home, XDG_CACHE_HOME: "relative" }, join(home, ".cache/boxkite/compiled")],
    [{ HOME: "" }, undefined],
    [{}, undefined],
  ];
  for (const [env, directory] of cases) assert.equal(compiledCodeDirectory(env), directory);
  for (const made of [".cache", ".cache/boxkite", ".cache/boxkite/compiled"])
    assert.equal((await stat(join(home, made))).mode & 0o777, 0o700, made);
});

test("it is kept nowhere that another user can write, owns, or has for a home", async (t) => {
  const home = await homeOf(t);
  assert.equal(compiledCodeDirectory({ HOME: home }, USER + 1), undefined);
  assert.deepEqual(await readdir(home), [], "nothing is made in the home of another");
  const directory = compiledCodeDirectory({ HOME: home }) ?? assert.fail("there is none");
  for (const path of [home, join(home, ".cache"), directory]) {
    await chmod(path, 0o770);
    assert.equal(compiledCodeDirectory({ HOME: home }), undefined, path);
    await chmod(path, 0o700);
  }
  assert.equal(compiledCodeDirectory({ HOME: home }), directory);
});

test("it is kept nowhere, without an error, where a directory cannot be made", async (t) => {
  const home = await homeOf(t);
  await writeFile(join(home, "file"), "");
  await mkdir(join(home, "dangling"));
  await symlink("nowhere", join(home, "dangling/.cache"));
  for (const path of ["file", "missing", "dangling"])
    assert.equal(compiledCodeDirectory({ HOME: join(home, path) }), undefined, path);
  // There the system answers that the parent is missing, although it is there.
  assert.equal(compiledCodeDirectory({ HOME: "/proc" }, (await stat("/proc")).uid), undefined);
});

test("a0-ts takes a directory below the one for temporary files that is its user's own, and else none", async (t) => {
  const temporary = await homeOf(t);
  const env = { PATH: process.env["PATH"], TMPDIR: temporary, HOME: join(temporary, "home") };
  const start = (): void => {
    const { status } = spawnSync(process.execPath, [join(root, "bin/a0-ts.cjs")], { env });
    assert.equal(status, 2);
  };
  const directory = join(temporary, `boxkite-compiled-${USER}`);
  await mkdir(directory);
  await chmod(directory, 0o777);
  start();
  assert.deepEqual(await readdir(temporary), [`boxkite-compiled-${USER}`]);
  assert.deepEqual(await readdir(directory), [], "one that others could have filled");
  await rm(directory, { recursive: true });
  await mkdir(join(temporary, "elsewhere"));
  await symlink("elsewhere", directory);
  start();
  assert.deepEqual(await readdir(join(temporary, "elsewhere")), [], "a link");
  await rm(directory);
  start();
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  assert.notDeepEqual(await readdir(directory), []);
});
