import assert from "node:assert/strict";
import { test } from "node:test";
import { LOCAL } from "../domain/principal.ts";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import type { Authorise, Resource } from "./access.ts";
import { limitCalls } from "./call-quota.ts";

const of = (project: string): Resource => ({ kind: "project", project });

test("a project makes so many calls per second, and others are not affected", async () => {
  const clock = steppedClock();
  const authorise = limitCalls(() => {}, { callsPerSecond: 2, clock });
  const call = async (project = "p") => authorise({ ...LOCAL }, "read", of(project));
  const exceeded = { code: "QUOTA_EXCEEDED", message: /project p makes more than 2 calls per second/u };
  await call();
  await call();
  await assert.rejects(call(), exceeded);
  await call("q");
  await clock.step(500);
  await call();
  await assert.rejects(call(), exceeded);
  // What is not used is not saved for longer than a second.
  await clock.step(60_000);
  await call();
  await call();
  await assert.rejects(call(), exceeded);
});

test("a call counts once, and neither an object nor a refused call does", async () => {
  const refuse = { ...LOCAL, who: "refused" };
  const rules: Authorise = (by) => {
    if (by === refuse) throw new Error("no");
  };
  const authorise = limitCalls(rules, { callsPerSecond: 1, clock: steppedClock() });
  for (let times = 0; times < 3; times++) {
    await assert.rejects(async () => authorise(refuse, "read", of("p")), /no/u);
    await authorise({ ...LOCAL }, "read", { kind: "object", key: "p/d/x" });
  }
  const by = { ...LOCAL };
  for (let times = 0; times < 3; times++) await authorise(by, "read", of("p"));
  await assert.rejects(async () => authorise({ ...LOCAL }, "read", of("p")), { code: "QUOTA_EXCEEDED" });
});
