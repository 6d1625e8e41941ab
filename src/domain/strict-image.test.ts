import assert from "node:assert/strict";
import { test } from "node:test";
import { isStrictImage } from "./strict-image.ts";

test("images are black boxes where a variable says so", () => {
  for (const value of ["true", "True", "1"])
    assert.equal(isStrictImage({ BOXKITE_STRICT_IMAGE: value }), true);
  for (const value of ["false", "0", ""]) assert.equal(isStrictImage({ BOXKITE_STRICT_IMAGE: value }), false);
  assert.equal(isStrictImage({}), false);
});

test("a value that is neither true nor false is refused", () => {
  for (const value of ["yes", "constructor"])
    assert.throws(() => isStrictImage({ BOXKITE_STRICT_IMAGE: value }), { code: "INVALID_ARGUMENT" });
});
