import assert from "node:assert/strict";
import { test } from "node:test";
import { requireSendable } from "./sendable.ts";

const REQUEST = { method: "POST", url: "https://example.org/hook", headers: { "x-run": "r" }, body: "{}" };

test("a request that could never be sent is refused, with what is wrong", () => {
  requireSendable(REQUEST, "webhook w");
  const refused: readonly [object, RegExp][] = [
    [{ url: "example.org" }, /^the URL of webhook w is no http/u],
    [{ url: "http://" }, /^the URL of webhook w is no http/u],
    [{ url: "https://me:secret@example.org/" }, /^the URL of webhook w has credentials/u],
    [{ headers: { "Content-Length": "1" } }, /^webhook w has the header Content-Length, which/u],
    [{ headers: { "transfer-encoding": "chunked" } }, /^webhook w has the header transfer-encoding, which/u],
    [{ headers: { Host: "inside.example" } }, /^webhook w has the header Host, which/u],
    [{ headers: { "Proxy-Authorization": "x" } }, /^webhook w has the header Proxy-Authorization, which/u],
    [{ headers: { "x y": "1" } }, /^webhook w has a header that HTTP does not allow/u],
  ];
  for (const [change, message] of refused)
    assert.throws(() => requireSendable({ ...REQUEST, ...change }, "webhook w"), {
      code: "INVALID_ARGUMENT",
      message,
    });
});
