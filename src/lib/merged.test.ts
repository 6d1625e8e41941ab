import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { merged } from "./merged.ts";

test("what any source yields comes, until one ends", async () => {
  const other = Promise.withResolvers<void>();
  const seen: string[] = [];
  const one = (async function* () {
    yield "a";
    yield "b";
    other.resolve();
    await new Promise(() => {});
  })();
  const two = (async function* () {
    await other.promise;
    yield "c";
  })();
  for await (const each of merged([one, two])) seen.push(each);
  assert.deepEqual(seen, ["a", "b", "c"]);
});

test("a source that fails after its reader left ends nothing else", async (t) => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on("unhandledRejection", note);
  t.after(() => process.off("unhandledRejection", note));
  const failure = Promise.withResolvers<never>();
  let isClosed = false;
  const source: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => {
      let count = 0;
      return {
        next: async () => (count++ === 0 ? { value: "a", done: false } : await failure.promise),
        return: async () => {
          isClosed = true;
          throw new Error("it cannot be closed");
        },
      };
    },
  };
  for await (const each of merged([source])) {
    assert.equal(each, "a");
    break;
  }
  failure.reject(new Error("the store is closed"));
  await setImmediate();
  await setImmediate();
  assert.deepEqual([isClosed, unhandled], [true, []]);
});
