import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { AttemptFiles } from "./attempt-files.ts";

test("the server can read the files of an attempt whatever umask a task has set", async (t) => {
  const directory = join(await temporaryDirectory(t), "attempts", "one");
  const umask = process.umask(0o077);
  try {
    const files = new AttemptFiles(directory);
    for (const name of ["stdout", "stderr"] as const) files.append(name, "text");
    files.close(0, "why");
  } finally {
    process.umask(umask);
  }
  const modes = ["..", "", "stdout", "stderr", "exit", "unstarted"].map(
    (name) => statSync(join(directory, name)).mode & 0o777,
  );
  assert.deepEqual(modes, [0o755, 0o755, 0o644, 0o644, 0o644, 0o644]);
});

test("a directory that the server has made stays as it is, and what wrote nothing has no output", async (t) => {
  const attempts = join(await temporaryDirectory(t), "attempts");
  const directory = join(attempts, "one");
  mkdirSync(directory, { recursive: true });
  for (const made of [attempts, directory]) chmodSync(made, 0o777);
  new AttemptFiles(directory).close(0);
  for (const made of [attempts, directory]) assert.equal(statSync(made).mode & 0o777, 0o777);
  assert.deepEqual(readdirSync(directory), ["exit"]);
});

test("a pipe or a link that a task has put in the place of a file is not opened, and stops nothing", async (t) => {
  const scratch = await temporaryDirectory(t);
  const directory = join(scratch, "attempts", "one");
  const files = new AttemptFiles(directory);
  execFileSync("mkfifo", [join(directory, "stdout"), join(directory, "exit.tmp")]);
  symlinkSync(join(scratch, "elsewhere"), join(directory, "stderr"));
  assert.throws(() => files.append("stdout", "text"), { code: "ENXIO" });
  assert.throws(() => files.descriptor("stderr"), { code: "ELOOP" });
  files.note("text");
  assert.throws(() => files.close(0), { code: "ENXIO" });
  assert.ok(!existsSync(join(scratch, "elsewhere")));
  assert.ok(!existsSync(join(directory, "exit")));
});
