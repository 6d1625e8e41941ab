import assert from "node:assert/strict";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { systemClock } from "../../lib/clock.ts";
import { openDirectoryStore } from "../directory-store.ts";

test("the objects of a listing are read by other threads, however small; a single small object is not", async (t) => {
  const store = await openDirectoryStore(await temporaryDirectory(t), { clock: systemClock });
  await Promise.all(["a", "b"].map((key) => store.put(key, Buffer.from(key))));
  const opened = t.mock.method(fs, "openSync");
  syncBuiltinESMExports();
  t.after(() => {
    opened.mock.restore();
    syncBuiltinESMExports();
  });
  assert.deepEqual(
    (await store.list({ prefix: "", limit: 10 })).map(({ key }) => key),
    ["a", "b"],
  );
  assert.equal(opened.mock.callCount(), 0);
  assert.equal(Buffer.from((await store.readAll("a")) ?? []).toString(), "a");
  assert.equal(opened.mock.callCount(), 1);
});
