import assert from "node:assert/strict";
import { test } from "node:test";
import { childText, parseXml } from "../../lib/xml.ts";
import { document, text } from "./xml.ts";

test("what is written is read back", async () => {
  const key = `<a> & "b" 'c' \r\n\u0001 ]]> é😀`;
  const written = document("Delete", text("Key", key), text("None", undefined));
  const parsed = await parseXml(Buffer.from(written));
  assert.equal(parsed?.name, "Delete");
  assert.equal(childText(parsed, "Key"), key);
  assert.equal(childText(parsed, "None"), undefined);
});
