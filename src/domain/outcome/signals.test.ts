import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";
import { explainSignal, signalOf, SIGNALS } from "./signals.ts";

test("numbers and names are those of this system", { skip: process.platform !== "linux" }, () => {
  for (const { number, name } of SIGNALS)
    assert.equal(constants.signals[name as NodeJS.Signals], number, name);
});

test("every signal by which a process can end has a name, real-time signals by their distance", () => {
  assert.equal(signalOf(9)?.name, "SIGKILL");
  assert.equal(signalOf(30)?.name, "signal 30");
  assert.equal(signalOf(34)?.name, "SIGRTMIN+0");
  assert.equal(signalOf(64)?.name, "SIGRTMIN+30");
  for (const none of [-1, 0, 65, Number.NaN]) assert.equal(signalOf(none), undefined);
});

test("cause and cure follow where it ran, and its language", () => {
  const bus = signalOf(7);
  assert.ok(bus);
  assert.match(explainSignal(bus, { isContainer: true, language: "python" }), /64 MB.*flyte\.Resources/u);
  assert.match(explainSignal(bus, { isContainer: true, language: "typescript" }), /resources: \{ shm/u);
  assert.match(explainSignal(bus, { isContainer: false, language: "python" }), /on this machine$/u);
});
