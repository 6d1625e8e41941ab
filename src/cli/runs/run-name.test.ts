import assert from "node:assert/strict";
import { test } from "node:test";
import { pageOf, parseRunName } from "./run-name.ts";

const SCOPE = { project: "p", domain: "development" };
const USAGE = "boxkite get RUN";

test("a run, an action, or the address of a page of either", () => {
  assert.deepEqual(parseRunName("r1", SCOPE, USAGE), { ...SCOPE, run: "r1", action: "a0" });
  assert.deepEqual(parseRunName("r1/c1", SCOPE, USAGE), { ...SCOPE, run: "r1", action: "c1" });
  for (const action of ["a0", "c1"]) {
    const key = { project: "q", domain: "staging", run: "r2", action };
    assert.deepEqual(parseRunName(pageOf("https://box.example", key), {}, USAGE), key);
  }
});

test("what names neither is wrong usage, with what to type", () => {
  for (const text of [undefined, "", "r1/c1/x", "R_1", "r1/", "http://box.example/v2", "http://[", "r1/a b"])
    assert.throws(() => parseRunName(text, SCOPE, USAGE), { code: "CONFIG_INVALID", hint: USAGE }, text);
  assert.throws(() => parseRunName("r1", { project: "p" }, USAGE), {
    message: /names the domain of the run$/u,
    hint: /--domain/u,
  });
});
