import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_INLINE_BYTES } from "../wire/inline-size.ts";
import { createLargeObjects } from "./large-objects.ts";

test("only what is large is kept, as it was written last, and not for ever", () => {
  const objects = createLargeObjects();
  objects.written("small", MAX_INLINE_BYTES);
  objects.written("large", MAX_INLINE_BYTES + 1);
  assert.deepEqual([objects.sizeOf("small"), objects.sizeOf("large")], [undefined, MAX_INLINE_BYTES + 1]);
  objects.written("large", 1);
  assert.equal(objects.sizeOf("large"), undefined);
  for (let index = 0; index <= 10_000; index++) objects.written(`${index}`, MAX_INLINE_BYTES + 1);
  assert.deepEqual([objects.sizeOf("0"), objects.sizeOf("1")], [undefined, MAX_INLINE_BYTES + 1]);
});
