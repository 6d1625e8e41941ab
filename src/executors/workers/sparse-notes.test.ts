import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import { SparseNotes } from "./sparse-notes.ts";

const at = (stdout: number) => ({ stdout, stderr: 0 });

function setUp() {
  const noted: number[] = [];
  const clock = steppedClock();
  return { noted, clock, notes: new SparseNotes(({ stdout }) => void noted.push(stdout), clock) };
}

test("how far a log is, is noted at once, and then once a second at most: the last of it", async () => {
  const { noted, clock, notes } = setUp();
  for (let n = 1; n <= 100; n++) {
    notes.note(at(n));
    await clock.step(20);
  }
  await clock.step(5_000);
  assert.deepEqual([noted.length, noted[0], noted.at(-1)], [3, 1, 100]);
  notes.note(at(101));
  assert.equal(noted.at(-1), 101);
});

test("what waits is noted at the close, and what comes after it at once; no timer is left", () => {
  const { noted, clock, notes } = setUp();
  for (const n of [1, 2, 3]) notes.note(at(n));
  notes.close();
  assert.deepEqual(noted, [1, 3]);
  notes.note(at(4));
  assert.deepEqual([noted, clock.pending], [[1, 3, 4], 0]);
});

test("a note that fails holds up none that follows", async () => {
  const clock = steppedClock();
  let asked = 0;
  const notes = new SparseNotes(() => {
    asked++;
    throw new Error("the disk is full");
  }, clock);
  notes.note(at(1));
  notes.note(at(2));
  await clock.step(1_000);
  assert.equal(asked, 2);
});
