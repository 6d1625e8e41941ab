import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test, type TestContext } from "node:test";
import { extract } from "tar-stream";
import { tarOf, type BundleItem } from "../../../test/helpers/bundles.ts";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { archiveStream } from "./archive-stream.ts";

const ITEMS: readonly BundleItem[] = [
  { name: "main.py", text: "1" },
  { name: "a/b/deep.py", text: "22" },
  { name: "empty/", type: "directory", mode: 0o700 },
  { name: "a/", type: "directory", mode: 0o750 },
  { name: "a/link", type: "symlink", linkname: "../main.py" },
  { name: "a/same", type: "link", linkname: "main.py" },
];

async function archive(t: TestContext): Promise<string> {
  const path = join(await temporaryDirectory(t), "archive.tar");
  await writeFile(path, await tarOf(ITEMS));
  return path;
}

test("an engine gets the directories that it needs first, everything with its owner", async (t) => {
  const source = await archive(t);
  const stream = archiveStream(
    { source, owner: { uid: 4242, gid: 17 } },
    { prefix: "app/", directories: [{ name: "app", mode: 0o755 }] },
  );
  const seen: unknown[] = [];
  const tar = extract();
  Readable.from(stream).pipe(tar);
  for await (const entry of tar) {
    const { name, type, linkname, uid, gid, size } = entry.header;
    seen.push([name, type, linkname ?? "", uid, gid, size]);
    entry.resume();
  }
  assert.deepEqual(seen, [
    ["app", "directory", "", 4242, 17, 0],
    ["app/main.py", "file", "", 4242, 17, 1],
    ["app/a/b/deep.py", "file", "", 4242, 17, 2],
    ["app/a/link", "symlink", "../main.py", 4242, 17, 0],
    ["app/a/same", "link", "app/main.py", 4242, 17, 0],
  ]);
});

test("an archive that is gone is an error of its reader", async (t) => {
  const source = await archive(t);
  await rm(source);
  const stream = archiveStream({ source, owner: { uid: 0, gid: 0 } }, { prefix: "", directories: [] });
  await assert.rejects(Readable.from(stream).toArray(), /ENOENT/u);
});
