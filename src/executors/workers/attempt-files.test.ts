import assert from "node:assert/strict";
import { mkdir, readdir, rename, rm, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { AttemptFiles } from "./attempt-files.ts";

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

test("each attempt of a worker has a directory of its own, which every user of the image may use", async (t) => {
  const worker = await temporaryDirectory(t);
  const usual = process.umask(0o077);
  t.after(() => process.umask(usual));
  for (const id of ["a", "b"]) {
    const files = new AttemptFiles(worker, id);
    await files.create();
    assert.equal(await modeOf(files.path), 0o777);
    await assert.rejects(files.create(), { code: "EEXIST" });
  }
  assert.equal(await modeOf(join(worker, "attempts")), 0o777);
  await rm(join(worker, "attempts"), { recursive: true });
  await new AttemptFiles(worker, "c").create();
  assert.deepEqual(await readdir(join(worker, "attempts")), ["c"]);
});

test("nothing is made where a worker has put a link in place of its attempts", async (t) => {
  const worker = await temporaryDirectory(t);
  const elsewhere = await temporaryDirectory(t);
  await new AttemptFiles(worker, "a").create();
  await rename(join(worker, "attempts"), join(worker, "moved"));
  await symlink(elsewhere, join(worker, "attempts"));
  await assert.rejects(new AttemptFiles(worker, "b").create(), { code: "EEXIST" });
  assert.deepEqual(await readdir(elsewhere), []);
  await rm(join(worker, "attempts"));
  await symlink(join(elsewhere, "none"), join(worker, "attempts"));
  await assert.rejects(new AttemptFiles(worker, "b").create(), { code: "EEXIST" });
  assert.deepEqual(await readdir(elsewhere), []);
  await mkdir(join(elsewhere, "a"));
  await rm(join(worker, "attempts"));
  await symlink(elsewhere, join(worker, "attempts"));
  await assert.rejects(new AttemptFiles(worker, "a").create(), { code: "EEXIST" });
  await new AttemptFiles(worker, "a").remove();
  assert.deepEqual(await readdir(elsewhere), ["a"]);
});
