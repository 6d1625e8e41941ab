import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { IMAGE } from "../../../test/helpers/resolved-image.ts";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { storeRun } from "../../../test/helpers/stored-run.ts";
import { openSqliteStore } from "../../store/sqlite/sqlite-store.ts";
import { images } from "./images.ts";

async function setup(t: TestContext) {
  const data = await temporaryDirectory(t);
  const store = openSqliteStore(join(data, "store.sqlite"));
  t.after(() => store.close());
  const { run } = await storeRun(store);
  await store.pinImage(run, IMAGE);
  const unpin = (...names: string[]) =>
    images.run({ values: { data }, positionals: ["unpin", ...names], env: {} });
  return { unpin, newest: () => store.newestPin(run.key, IMAGE.reference) };
}

test("what runs have used for a reference does not count any more", async (t) => {
  const { unpin, newest } = await setup(t);
  assert.equal((await newest())?.isUnpinned, false);
  assert.equal(await unpin(IMAGE.reference), 0);
  assert.equal((await newest())?.isUnpinned, true);
});

test("a reference that no run has used is an error, and so is none", async (t) => {
  const { unpin } = await setup(t);
  await assert.rejects(unpin("team/other:1"), { code: "IMAGE_NOT_FOUND" });
  await assert.rejects(unpin(), { code: "CONFIG_INVALID" });
});
