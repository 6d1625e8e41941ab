import assert from "node:assert/strict";
import { test } from "node:test";
import { objectUri, parseObjectUri } from "./uri.ts";

test("a URI and its parts", () => {
  const uri = objectUri("boxkite", "a/b c/%41");
  assert.equal(uri, "s3://boxkite/a/b c/%41");
  assert.deepEqual(parseObjectUri(uri), { bucket: "boxkite", key: "a/b c/%41" });
  assert.deepEqual(parseObjectUri("s3://boxkite"), { bucket: "boxkite", key: "" });
  assert.deepEqual(parseObjectUri("s3://boxkite//a"), { bucket: "boxkite", key: "/a" });
});

test("what is not an object's URI", () => {
  for (const uri of ["", "/a/b", "gs://boxkite/a", "file:///a", "s3://", "s3:///a"]) {
    assert.equal(parseObjectUri(uri), undefined, uri);
  }
});
