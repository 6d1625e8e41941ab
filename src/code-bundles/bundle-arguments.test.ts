import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCodeBundle } from "./bundle-arguments.ts";

const URI = "s3://boxkite/p/fast1.tar.gz";

test("the bundle is what --tgz or --pkl names, and --dest where it belongs", () => {
  assert.deepEqual(parseCodeBundle(["a0", "--inputs", "x", "--tgz", URI, "--dest", ".", "--resolver", "r"]), {
    uri: URI,
    kind: "tgz",
    destination: ".",
  });
  assert.deepEqual(parseCodeBundle(["--dest", "/code", "--pkl", "s3://b/c.pkl.gz"]), {
    uri: "s3://b/c.pkl.gz",
    kind: "pkl",
    destination: "/code",
  });
});

test("without code, and with what no SDK sends, there is none", () => {
  for (const args of [
    [],
    ["a0", "--dest", "."],
    ["a0", "--tgz", URI],
    ["a0", "--dest", ".", "--tgz"],
    ["a0", "--tgz", URI, "--dest", ""],
    ["a0", "--tgz", URI, "--pkl", URI, "--dest", "."],
    ["a0", "--tgz", URI, "--tgz", "s3://b/other", "--dest", "."],
    ["a0", "--tgz", URI, "--dest", ".", "--dest", "/code"],
    ["a0", "--tgz", URI, "--dest", ".", "--dest=/code"],
  ])
    assert.equal(parseCodeBundle(args), undefined, args.join(" "));
});
