import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { LocalConditions } from "./conditions.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";

const FOREVER = new AbortController().signal;

test("a condition after the end of the run rejects at once", async () => {
  const conditions = new LocalConditions({ held: true });
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
  await conditions.answer("second", "by a program");
  input.write("one\n");
  await asked("third?");
  input.write("three\n");
  assert.deepEqual(await Promise.all([first, second, third]), ["one", "by a program", "three"]);
  assert.doesNotMatch(shown, /second/);
});

test("an answer waits until it is asked for, but not beyond the end of the run", async () => {
  const conditions = new LocalConditions({ held: true });
  const answered = conditions.answer("go", true);
  assert.equal(await conditions.wait({ name: "go" }, FOREVER), true);
  assert.equal(await answered, true);
  const late = conditions.answer("go", true);
  conditions.close();
  assert.equal(await late, false);
  assert.equal(await conditions.answer("go", true), false);
});

test("a condition that nobody answers in time ends at that time, and waits no longer", async () => {
  const clock = steppedClock();
  const conditions = new LocalConditions({ held: true, clock });
  await assert.rejects(conditions.wait({ name: "go", timeout: "soon" }, FOREVER), TypeError);
  const timedOut = assert.rejects(conditions.wait({ name: "go", timeout: "1h" }, FOREVER), {
    name: "ConditionTimeoutError",
  });
  await clock.step(3_600_000);
  await timedOut;
  assert.equal(clock.pending, 0);
  const answered = conditions.answer("go", true);
  conditions.close();
  assert.equal(await answered, false);
});
