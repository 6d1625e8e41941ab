import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, statSync } from "node:fs";
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
