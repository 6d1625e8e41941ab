import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { writeAsFile } from "../../../test/helpers/object-kinds.ts";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { silentLogger } from "../../lib/log.ts";
import { openDirectoryStore } from "../directory-store.ts";
import type { HostedStore } from "../hosted-store.ts";

async function subject(t: TestContext) {
  const directory = await temporaryDirectory(t);
  const open = async (): Promise<HostedStore> => {
    const store = await openDirectoryStore(directory, { log: silentLogger });
    t.after(() => store.close());
    return store;
  };
  return { directory, open, format: join(directory, "format") };
}

test("objects whose database of small ones is missing are refused, until its loss is accepted", async (t) => {
  const { directory, open, format } = await subject(t);
  const store = await open();
  await store.put("row", Buffer.from("x"));
  await store.close();
  await rm(join(directory, "small.sqlite"));
  await assert.rejects(open(), {
    code: "DATA_DIRECTORY_UNUSABLE",
    message: /the database of small objects \S+small\.sqlite is missing$/u,
    hint: /restore .*backup.*remove \S+format$/u,
  });
  await rm(format);
  assert.equal(await (await open()).head("row"), undefined);
});

test("a directory of an earlier version gets the format of this one; another is refused", async (t) => {
  const { directory, open, format } = await subject(t);
  await writeAsFile(directory, "old", Buffer.from("x"));
  assert.ok(await (await open()).head("old"));
  assert.equal(await readFile(format, "utf8"), "2\n");
  for (const other of ["3\n", ""]) {
    await writeFile(format, other);
    await assert.rejects(open(), {
      code: "DATA_DIRECTORY_UNUSABLE",
      message: /not written by this version/u,
    });
  }
});
