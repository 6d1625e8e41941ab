import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync, renameSync, symlinkSync } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat, symlink } from "node:fs/promises";
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

test("nothing is removed where a link takes the place of its attempts while other threads are busy", async (t) => {
  const worker = await temporaryDirectory(t);
  const elsewhere = await temporaryDirectory(t);
  const files = new AttemptFiles(worker, "a");
  await files.create();
  await mkdir(join(elsewhere, "a"));
  const pipe = join(elsewhere, "pipe");
  execFileSync("mkfifo", [pipe]);
  // Each waits for somebody who writes.
  const threads = Number(process.env["UV_THREADPOOL_SIZE"] ?? 4);
  const busy = Array.from({ length: threads }, () => open(pipe, "r"));
  const removed = files.remove();
  renameSync(join(worker, "attempts"), join(worker, "moved"));
  symlinkSync(elsewhere, join(worker, "attempts"));
  const writer = openSync(pipe, "r+");
  for (const reader of await Promise.all(busy)) await reader.close();
  closeSync(writer);
  await removed;
  assert.deepEqual(await readdir(elsewhere), ["a", "pipe"]);
  assert.deepEqual(await readdir(join(worker, "moved")), []);
});
