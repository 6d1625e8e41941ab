import assert from "node:assert/strict";
import { test } from "node:test";
import { hashOfToken, idOfToken, newTokenText, TOKEN_PATTERN } from "./token-text.ts";

test("a token has its id and a checksum, and stands in a path as it is", () => {
  const { id, text } = newTokenText();
  assert.match(text, /^bkt_[0-9A-Za-z]{57}$/u);
  assert.equal(encodeURIComponent(text), text);
  assert.equal(idOfToken(text), id);
  assert.match(hashOfToken(text), /^[0-9a-f]{64}$/u);
  assert.notEqual(newTokenText().text, text);
});

test("a text with a changed or missing character is no token", () => {
  const { text } = newTokenText();
  for (let at = 0; at < text.length; at++) {
    const changed = text.slice(0, at) + (text[at] === "a" ? "b" : "a") + text.slice(at + 1);
    assert.equal(idOfToken(changed), undefined, `character ${at}`);
  }
  for (const other of ["", "bkt_", text.slice(1), text.slice(0, -1), `${text}0`])
    assert.equal(idOfToken(other), undefined, other);
});

test("tokens are found in other text", () => {
  const [a, b] = [newTokenText().text, newTokenText().text];
  assert.deepEqual(`http://localhost:1/t/${a}/x ${b}.`.match(TOKEN_PATTERN), [a, b]);
});
