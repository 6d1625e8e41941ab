import assert from "node:assert/strict";
import { test } from "node:test";
import { secretsOf } from "./build-secrets.ts";

test("a build secret is a variable of the server with a prefix; no other variable is reachable", () => {
  const read = secretsOf({
    BOXKITE_BUILD_SECRET_INDEX_TOKEN: "a",
    BOXKITE_BUILD_SECRET_TEAM_KEY: "b",
    HOME: "/root",
  });
  assert.equal(read({ group: "", key: "index_token", variable: undefined }), "a");
  assert.equal(read({ group: "team", key: "key", variable: undefined }), "b");
  assert.equal(read({ group: "", key: "HOME", variable: undefined }), undefined);
});
