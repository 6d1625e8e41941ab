import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionOf } from "./container.ts";

test("the command for a token has the same words as in the author's configuration", async () => {
  const env = { FLYTE_AUTH_TYPE: "ExternalCommand", FLYTE_AUTH_COMMAND: `get-token --for "two words"` };
  assert.deepEqual((await connectionOf(env)).command, ["get-token", "--for", "two words"]);
  assert.deepEqual((await connectionOf({})).command, []);
});
