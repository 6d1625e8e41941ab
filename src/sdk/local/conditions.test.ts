import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { LocalConditions } from "./conditions.ts";

const FOREVER = new AbortController().signal;

test("who asks after the run was stopped is told so at once", async () => {
  const conditions = new LocalConditions({}, true);
  const stopped = AbortSignal.abort(new Error("stopped by its author"));
  await assert.rejects(conditions.wait({ name: "go" }, stopped), /stopped by its author/);
  conditions.close();
  await assert.rejects(conditions.wait({ name: "go" }, FOREVER), { name: "AbortError" });
});

test("on a terminal each condition has a line of its own", async (t) => {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const output = new PassThrough({ encoding: "utf8" });
  t.mock.getter(process, "stdin", () => input);
  t.mock.getter(process, "stdout", () => output);
  let shown = "";
  const asked = async (prompt: string): Promise<void> => {
    while (!shown.includes(prompt)) {
      const [text] = (await once(output, "data")) as [string];
      shown += text;
    }
  };
  const conditions = new LocalConditions();
  const wait = (name: string) => conditions.wait({ name, prompt: `${name}?`, type: "string" }, FOREVER);
  const [first, second, third] = [wait("first"), wait("second"), wait("third")];
  await asked("first?");
  await conditions.answer("second", "by a program", new Promise(() => undefined));
  input.write("one\n");
  await asked("third?");
  input.write("three\n");
  assert.deepEqual(await Promise.all([first, second, third]), ["one", "by a program", "three"]);
  assert.doesNotMatch(shown, /second/);
});
