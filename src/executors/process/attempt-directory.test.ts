import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { AttemptDirectory, readTextFile } from "./attempt-directory.ts";

test("what an attempt puts in place of its files holds nobody up", async (t) => {
  const path = await temporaryDirectory(t);
  const of = (name: string) => join(path, name);
  execFileSync("mkfifo", [of("pipe")]);
  await assert.rejects(readTextFile(of("pipe")), { code: "ENOENT" });
  await writeFile(of("large"), "7".repeat(1_000_000));
  assert.ok((await readTextFile(of("large"))).length < 10_000);

  const attempt = new AttemptDirectory(path);
  for (const target of ["pipe", "large"]) {
    await symlink(of(target), of("exit"));
    assert.equal(await attempt.end(), undefined, `a link to what is ${target}`);
    await rm(of("exit"));
  }
  await writeFile(of("exit"), "3\n");
  assert.equal((await attempt.end())?.exitCode, 3);
});
