import assert from "node:assert/strict";
import { test } from "node:test";
import { childText, document, parseXml, text } from "./xml.ts";

test("what is written is read back", () => {
  const key = `<a> & "b" 'c' \r\n ]]> é😀`;
  const parsed = parseXml(document("Delete", text("Key", key), text("None", undefined)));
  assert.equal(parsed?.name, "Delete");
  assert.equal(parsed && childText(parsed, "Key"), key);
});

test("what clients write", () => {
  const parsed = parseXml(`<?xml version='1.0'?>
    <s3:Delete xmlns:s3="http://s3.amazonaws.com/doc/2006-03-01/"><!-- > --><s3:Quiet>true</s3:Quiet><Object/></s3:Delete>`);
  assert.deepEqual(
    parsed?.children.map(({ name }) => name),
    ["Quiet", "Object"],
  );
});

test("what is not well-formed, or nobody sends", () => {
  const wrong = [
    "",
    "a",
    "<a>",
    "<a></b>",
    "<a/><b/>",
    "<a>&nope;</a>",
    "<a",
    "</a>",
    "<!DOCTYPE a><a/>",
    "<a>&#x110000;</a>",
  ];
  for (const source of wrong) assert.equal(parseXml(source), undefined, source);
});
