import assert from "node:assert/strict";
import { test } from "node:test";
import { neverBack, systemClock } from "./clock.ts";

test("time never goes back, however the machine's clock is set; set forward, it follows", () => {
  let wall = 1_000_000;
  let steady = 5;
  const now = neverBack(
    () => wall,
    () => steady,
  );
  assert.equal(now(), 1_000_000);
  [wall, steady] = [1_000_100, 105];
  assert.equal(now(), 1_000_100);
  // Fourteen minutes back: time goes on at its own pace.
  [wall, steady] = [1_000_200 - 14 * 60_000, 205];
  assert.equal(now(), 1_000_200);
  [wall, steady] = [1_010_200 - 14 * 60_000, 10_205];
  assert.equal(now(), 1_010_200);
  [wall, steady] = [2_000_000, 10_305];
  assert.equal(now(), 2_000_000);
});

test("a sleep that is aborted rejects with the signal's reason", async () => {
  const abort = new AbortController();
  const slept = systemClock.sleep(60_000, { signal: abort.signal });
  abort.abort(new Error("enough"));
  await assert.rejects(slept, /enough/u);
  await assert.rejects(systemClock.sleep(1, { signal: abort.signal }), /enough/u);
});

test("a timer that is cancelled does not strike", async () => {
  const struck: string[] = [];
  systemClock.timer(1, () => struck.push("cancelled")).cancel();
  await new Promise<void>((resolve) => {
    systemClock.timer(5, () => {
      struck.push("kept");
      resolve();
    });
  });
  assert.deepEqual(struck, ["kept"]);
});
