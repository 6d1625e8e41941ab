import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { bundleObjects } from "./bundle-objects.ts";

const RUN = { project: "p", domain: "d", run: "r" };

test("code is found for a run that may read it, and changes with its object", async () => {
  let etag = '"1"';
  const find = bundleObjects({
    objects: {
      head: async (key) => (key === "gone" ? undefined : { key, size: 1, etag, modifiedAt: 0 }),
      read: async () => Readable.from(["x"]),
    },
    rights: { mayRead: async (_run, key) => key !== "foreign" },
    bucket: "boxkite",
  });
  const found = await find("s3://boxkite/code.tar.gz", RUN);
  assert.equal(found?.version, '"1"');
  assert.deepEqual(await (await found.read()).toArray(), ["x"]);
  etag = '"2"';
  assert.equal((await find("s3://boxkite/code.tar.gz", RUN))?.version, '"2"');
  for (const uri of ["s3://boxkite/foreign", "s3://boxkite/gone", "s3://other/code.tar.gz", "/code.tar.gz"])
    assert.equal(await find(uri, RUN), undefined);
});
