import assert from "node:assert/strict";
import { mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { temporaryDirectory } from "../../test/helpers/server.ts";
import { BundleRefused } from "./bundle-entry.ts";
import { createEntryWriter } from "./entry-writer.ts";

test("nothing is written through a link that the file system takes for a folder of the entry", async (t) => {
  const parent = await temporaryDirectory(t);
  const [directory, outside] = [join(parent, "source"), join(parent, "outside")];
  await Promise.all([mkdir(directory), mkdir(outside)]);
  // Where case is ignored, `pkg` finds it under the name `PKG`.
  await symlink(outside, join(directory, "pkg"));
  const write = await createEntryWriter(directory);
  const entry = { mode: 0o644, size: 0 } as const;
  await assert.rejects(write({ ...entry, name: "pkg/x", type: "file" }, Readable.from([])), BundleRefused);
  await assert.rejects(
    write({ ...entry, name: "pkg/y/z", type: "symlink", linkname: "x" }, Readable.from([])),
    BundleRefused,
  );
  await assert.rejects(write({ ...entry, name: "pkg", type: "file" }, Readable.from([])), BundleRefused);
  assert.deepEqual(await readdir(outside), []);
});
