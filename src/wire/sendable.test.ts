import assert from "node:assert/strict";
import { test } from "node:test";
import { requireSendable } from "./sendable.ts";

const REQUEST = { method: "POST", url: "https://example.org/hook", headers: { "x-run": "r" }, body: "{}" };

test("a request that could never be sent is refused, with the path of what is wrong", () => {
  requireSendable(REQUEST, "here");
  const refused: readonly [object, RegExp][] = [
    [{ url: "example.org" }, /^here\.url is no http/u],
    [{ url: "http://" }, /^here\.url is no http/u],
    [{ url: "https://me:secret@example.org/" }, /^here\.url has credentials/u],
    [{ headers: { "Content-Length": "1" } }, /^here\.headers has Content-Length, which/u],
    [{ headers: { "transfer-encoding": "chunked" } }, /^here\.headers has transfer-encoding, which/u],
    [{ headers: { "x y": "1" } }, /^here\.headers has one that HTTP does not allow/u],
  ];
  for (const [change, message] of refused)
    assert.throws(() => requireSendable({ ...REQUEST, ...change }, "here"), {
      code: "INVALID_ARGUMENT",
      message,
    });
});
