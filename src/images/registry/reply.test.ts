import assert from "node:assert/strict";
import { test } from "node:test";
import { describeReply, type Reply } from "./reply.ts";

function replyOf(text: string, type: string): Reply {
  return { status: 200, headers: new Headers({ "content-type": type }), bytes: Buffer.from(text), text };
}

test("what a reply says of itself is short, however long the reply is", () => {
  assert.equal(
    describeReply(replyOf("<html><title>Sign\n in</title>", "text/html")),
    'a page titled "Sign in" (status 200)',
  );
  // Without a bound the pattern needs minutes for these.
  const unclosed = "<h1 ".repeat(2_000_000);
  assert.equal(describeReply(replyOf(unclosed, "text/html")), "a page without a title (status 200)");
  const errors = JSON.stringify({ errors: [{ code: "X", message: "y".repeat(2_000_000) }] });
  assert.ok(describeReply(replyOf(errors, "application/json")).length < 1_100);
});
