import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { inOwnDirectory, openOwnFile, openOwnFileAtOnce, readOwnFile } from "./own-file.ts";

test("a file is read where its path says that it is, and no link, pipe or directory is", async (t) => {
  const directory = await temporaryDirectory(t);
  const elsewhere = await temporaryDirectory(t);
  await mkdir(join(directory, "attempt"));
  const path = join(directory, "attempt", "exit");
  await writeFile(path, "12\n");
  await writeFile(join(elsewhere, "exit"), "9");
  assert.equal(readOwnFile(path, 16), "12\n");
  assert.equal(readOwnFile(path, 2), undefined, "it is too large");
  assert.equal(readOwnFile(join(directory, "none"), 16), undefined);

  await symlink(join(elsewhere, "exit"), join(directory, "link"));
  assert.equal(readOwnFile(join(directory, "link"), 16), undefined);
  await promisify(execFile)("mkfifo", [join(directory, "pipe")]);
  assert.equal(readOwnFile(join(directory, "pipe"), 16), undefined);
  const opened = await openOwnFileAtOnce(path);
  const bytes = Buffer.alloc(3);
  assert.deepEqual([(await opened.read(bytes, 0, 3, 0)).bytesRead, bytes.toString()], [3, "12\n"]);
  await opened.close();
  for (const open of [openOwnFile, openOwnFileAtOnce])
    for (const name of ["attempt", "link", "pipe", "none"])
      await assert.rejects(open(join(directory, name)), { code: "ENOENT" }, name);

  await rename(join(directory, "attempt"), join(directory, "moved"));
  await symlink(elsewhere, join(directory, "attempt"));
  assert.equal(readOwnFile(path, 16), undefined, "a directory of the path was replaced by a link");
  for (const open of [openOwnFile, openOwnFileAtOnce]) await assert.rejects(open(path), { code: "ENOENT" });
  assert.throws(() => inOwnDirectory(join(directory, "attempt"), () => {}), { code: "ENOENT" });
});
