import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { asRow, withRows } from "../../../test/helpers/object-kinds.ts";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { silentLogger } from "../../lib/log.ts";
import { openDirectoryStore } from "../directory-store.ts";
import type { HostedStore, ListPosition } from "../hosted-store.ts";

async function subject(t: TestContext): Promise<{ directory: string; store: HostedStore }> {
  const directory = await temporaryDirectory(t);
  const store = await openDirectoryStore(directory, { log: silentLogger });
  t.after(() => store.close());
  return { directory, store };
}

/** Objects and common prefixes, in pages. */
async function listed(store: HostedStore, prefix: string, limit: number, delimiter = ""): Promise<string[]> {
  const names: string[] = [];
  for (let after: ListPosition | undefined; ;) {
    const page = await store.listing({ prefix, limit, delimiter, ...(after && { after }) });
    names.push(...page.objects.map(({ key }) => key), ...page.commonPrefixes);
    after = page.next;
    if (after === undefined) return names;
  }
}

test("thousands of rows are listed in order, with a prefix and a delimiter, in pages of any size", async (t) => {
  const { store } = await subject(t);
  // Nothing is behind the last code point, and a prefix may be followed by it.
  const odd = ["a/\u{10ffff}", "a/\u{10ffff}x", "a\u{10ffff}", "a0", "\u{10ffff}"];
  const many = Array.from(
    { length: 1_500 },
    (_, index) => `${"abc"[index % 3]}/${String(index).padStart(4, "0")}`,
  );
  await Promise.all([...odd, ...many].map((key) => store.put(key, asRow(key))));
  const ordered = [...odd, ...many].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const limit of [7, 1_000, 10_000]) {
    assert.deepEqual(await listed(store, "", limit), ordered);
    assert.deepEqual(
      await listed(store, "b/", limit),
      ordered.filter((key) => key.startsWith("b/")),
    );
  }
  for (const limit of [1, 2, 100])
    assert.deepEqual(
      (await listed(store, "", limit, "/")).toSorted(),
      ["a/", "a0", "a\u{10ffff}", "b/", "c/", "\u{10ffff}"].toSorted(),
    );
  assert.deepEqual(await listed(store, "d", 9), []);
});

test("what a replaced or deleted object held is not in the database any more", async (t) => {
  const { directory, store } = await subject(t);
  const secret = "a secret that is long enough to be found";
  await store.put("replaced", asRow(secret));
  await store.put("deleted", asRow(secret.repeat(200)));
  await store.put("replaced", asRow("redacted"));
  await store.delete("deleted");
  const pages = withRows(directory, (database) => {
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    return readFileSync(join(directory, "small.sqlite"), "latin1");
  });
  assert.ok(pages.includes("redacted") && !pages.includes(secret));
});

test("a database of a newer version is refused", async (t) => {
  const { directory, store } = await subject(t);
  await store.close();
  withRows(directory, (database) => database.exec("PRAGMA user_version = 99"));
  await assert.rejects(openDirectoryStore(directory, { log: silentLogger }), {
    code: "DATA_DIRECTORY_UNUSABLE",
    message: /^the database of small objects was written by a newer version/u,
  });
});
