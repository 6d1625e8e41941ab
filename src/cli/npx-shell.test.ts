import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { untilShellEnds } from "./npx-shell.ts";

async function setUp(env: NodeJS.ProcessEnv) {
  const clock = steppedClock();
  const state = { parent: 42, hasEnded: false };
  void untilShellEnds(env, clock, () => state.parent).then(() => (state.hasEnded = true));
  await clock.step(10_000);
  return { clock, state };
}

test("a server that npx started ends with the shell between them", async () => {
  const { clock, state } = await setUp({ npm_command: "exec" });
  assert.equal(state.hasEnded, false);
  state.parent = 1;
  await clock.step(1_000);
  assert.equal(state.hasEnded, true);
});

test("a server that a script put into the background stays", async () => {
  const { clock, state } = await setUp({ npm_command: "run-script" });
  state.parent = 1;
  await clock.step(10_000);
  assert.equal(state.hasEnded, false);
  assert.equal(clock.pending, 0);
});
