import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { newTraceState } from "../domain/initial-state.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { SIGNED_TOKEN_PATTERN } from "../lib/token-text.ts";
import {
  createReproductions,
  MOST_OF_A_RUN,
  MOST_TRACES,
  nameOfReproduction,
  REPRODUCTION_LIFETIME_MS,
  reproductionOfName,
} from "./reproductions.ts";

const OF = { project: "p", domain: "d", run: "r", action: "a0", attempt: 2 };

function traceNamed(action: string) {
  const end = { name: action, phase: "succeeded", startedAt: 1, endedAt: 2, outputUri: "" } as const;
  return { key: { ...OF, action }, state: newTraceState(end, 3) };
}

test("a token is of its reproduction only, and of none once that has ended", async () => {
  const clock = steppedClock();
  const reproductions = createReproductions(clock);
  const [one, other] = [reproductions.begin(OF, "s3://b/r"), reproductions.begin(OF, "s3://b/r")];
  assert.equal(one.prefix, `s3://b/r/a0/reproductions/${one.id}`);
  assert.equal(reproductions.ofToken(one.token)?.id, one.id);
  assert.equal(reproductions.ofToken(one.token.replace(one.id, other.id)), undefined);
  assert.equal(reproductions.ofToken(`${one.token}x`), undefined);
  assert.equal(one.token.replace(SIGNED_TOKEN_PATTERN, "***"), "***", "logs leave it out");
  const ends: string[] = [];
  reproductions.onEnd(one.id, () => ends.push("one"));
  const stop = reproductions.onEnd(one.id, () => ends.push("stopped"));
  reproductions.onEnd(other.id, () => ends.push("other"));
  stop();
  reproductions.end(one.id);
  reproductions.end(one.id);
  assert.deepEqual(
    [ends, reproductions.ofToken(one.token), reproductions.find(one.id)],
    [["one"], undefined, undefined],
  );
  await clock.step(REPRODUCTION_LIFETIME_MS);
  assert.deepEqual([ends, reproductions.find(other.id)], [["one", "other"], undefined]);
  assert.equal(clock.pending, 0);
});

test("the server ends those that are left", () => {
  const clock = steppedClock();
  const reproductions = createReproductions(clock);
  const { id } = reproductions.begin(OF, "s3://b/r");
  reproductions.close();
  assert.deepEqual([reproductions.find(id), clock.pending], [undefined, 0]);
});

test("a run has a bounded number of them at one time", () => {
  const reproductions = createReproductions(steppedClock());
  const begin = (of = OF) => reproductions.begin(of, "s3://b/r");
  const { id } = begin();
  for (let count = 1; count < MOST_OF_A_RUN; count++) begin({ ...OF, action: `c${count}` });
  assert.throws(
    () => begin(),
    (error) => error instanceof BoxkiteError && error.code === "LIMIT_EXCEEDED" && error.hint !== undefined,
  );
  begin({ ...OF, project: "other" });
  reproductions.end(id);
  begin();
});

test("a trace is kept once, and no more than a bounded number of them", () => {
  const reproductions = createReproductions(steppedClock());
  const { id } = reproductions.begin(OF, "s3://b/r");
  let calls = 0;
  reproductions.onTrace(id, () => calls++);
  for (let count = 0; count < MOST_TRACES; count++) reproductions.recordTrace(id, traceNamed(`t${count}`));
  reproductions.recordTrace(id, traceNamed("t0"));
  assert.deepEqual([reproductions.find(id)?.traces.length, calls], [MOST_TRACES, MOST_TRACES]);
  assert.throws(
    () => reproductions.recordTrace(id, traceNamed("more")),
    (error: unknown) =>
      error instanceof BoxkiteError && error.code === "LIMIT_EXCEEDED" && error.hint !== undefined,
  );
});

test("its name in what is signed is read back", () => {
  const name = { id: "0a", of: OF };
  assert.deepEqual(reproductionOfName(nameOfReproduction(name)), name);
});
