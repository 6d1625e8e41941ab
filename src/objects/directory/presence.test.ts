import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { silentLogger } from "../../lib/log.ts";
import { asFile, asRow, textOf } from "../../../test/helpers/object-kinds.ts";
import { openDirectoryStore } from "../directory-store.ts";
import type { HostedStore } from "../hosted-store.ts";

async function subject(t: TestContext): Promise<{ directory: string; store: HostedStore }> {
  const parent = await mkdtemp(join(tmpdir(), "boxkite-presence-"));
  t.after(() => rm(parent, { recursive: true }));
  const directory = join(parent, "objects");
  const store = await openDirectoryStore(directory, { log: silentLogger });
  t.after(() => store.close());
  await store.put("a/b", asFile("content"));
  await store.put("row", asRow("content"));
  return { directory, store };
}

const CALLS: Readonly<Record<string, (store: HostedStore) => Promise<unknown>>> = {
  check: (store) => store.check(),
  put: (store) => store.put("new/key", asFile("x")),
  "put of a row": (store) => store.put("new/row", asRow("x")),
  head: (store) => store.head("a/b"),
  read: (store) => store.read("a/b"),
  readAll: (store) => store.readAll("a/b"),
  list: (store) => store.list({ prefix: "", limit: 10 }),
  listing: (store) => store.listing({ prefix: "a/", limit: 10 }),
  delete: (store) => store.delete("a/b"),
  "read of a row": (store) => store.readAll("row"),
  "delete of a row": (store) => store.delete("row"),
  createUpload: (store) => store.createUpload({ key: "c", attributes: {} }),
  listUploads: (store) => store.listUploads(""),
};

const ALL = Object.keys(CALLS);
/** A call that needs nothing of what was removed may still succeed. */
const REMOVED: readonly (readonly [directory: string, calls: readonly string[]])[] = [
  [".", ALL],
  ["objects", ALL.filter((name) => !["createUpload", "read of a row", "delete of a row"].includes(name))],
  ["uploads", ["check", "list", "put of a row", "createUpload", "listUploads"]],
  ["parts", ["check", "list", "put of a row"]],
  [".tmp", ["check", "put", "put of a row", "list", "createUpload"]],
];

for (const [removed, calls] of REMOVED) {
  test(`objects that are gone with the directory ${removed} are not taken for ones that never were`, async (t) => {
    const { directory, store } = await subject(t);
    const path = join(directory, removed);
    await rm(path, { recursive: true });
    for (const name of calls)
      await assert.rejects(
        async () => CALLS[name]?.(store),
        { code: "DATA_DIRECTORY_UNUSABLE", message: /was removed or moved while the server was running$/u },
        name,
      );
    assert.ok(!existsSync(path), "it was not made again");
  });
}

test("a directory that is moved back is used again", async (t) => {
  const { directory, store } = await subject(t);
  await rename(directory, `${directory}.moved`);
  await assert.rejects(store.head("a/b"), /was removed or moved/u);
  await rename(`${directory}.moved`, directory);
  for (const key of ["a/b", "row"])
    assert.equal(textOf((await store.readAll(key)) ?? Buffer.of()), "content");
  await store.check();
});
