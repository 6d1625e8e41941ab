import assert from "node:assert/strict";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { test } from "node:test";
import { temporaryDirectory } from "../../../test/helpers/server.ts";
import { writeAsFile } from "../../../test/helpers/object-kinds.ts";
import { systemClock } from "../../lib/clock.ts";
import { openDirectoryStore } from "../directory-store.ts";

test("the files of a listing are read by other threads, however small; a single small file is not", async (t) => {
  const directory = await temporaryDirectory(t);
  const store = await openDirectoryStore(directory, { clock: systemClock });
  t.after(() => store.close());
  for (const key of ["a", "b"]) await writeAsFile(directory, key, Buffer.from(key));
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
