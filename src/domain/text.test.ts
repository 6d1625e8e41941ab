import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_ERROR_CHARS, quoted, shorten } from "./text.ts";

test("a huge message keeps its head and its tail", () => {
  const huge = `head${"x".repeat(1_400_000)}tail`;
  const kept = shorten(huge);
  assert.ok(kept.length <= MAX_ERROR_CHARS);
  assert.match(kept, /^head.*\[… \d+ characters left out …\].*tail$/su);
  const left = Number(/… (\d+) characters/u.exec(kept)?.[1]);
  assert.ok(left > 1_380_000 && left < huge.length);
  assert.equal(shorten("x".repeat(100), 100), "x".repeat(100));
  const cut = shorten(`${"a".repeat(61)}${"b".repeat(40)}`, 100);
  assert.equal(cut, `${"a".repeat(20)}\n[… 61 characters left out …]\n${"b".repeat(20)}`);
});

test("a quoted text is short, and says how long it was", () => {
  assert.equal(quoted('a"b'), '"a\\"b"');
  assert.equal(quoted("x".repeat(2_000)), `"${"x".repeat(64)}"… (2,000 characters)`);
});
