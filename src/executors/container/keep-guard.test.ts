import assert from "node:assert/strict";
import { test } from "node:test";
import { recordingLogger } from "../../../test/helpers/recording-logger.ts";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { keepGuard } from "./keep-guard.ts";

test("the rules are put back while containers run, and what keeps them from it is reported once", async () => {
  const clock = steppedClock();
  const { log, lines } = recordingLogger();
  let [hasContainers, isAllowed, times] = [false, true, 0];
  const ensure = async () => {
    if (!isAllowed) throw new BoxkiteError("ENGINE_FAILED", "no right to set them");
    times++;
  };
  const stop = keepGuard({ guard: { ensure }, isNeeded: () => hasContainers, clock, log });
  await clock.step(10_000);
  assert.equal(times, 0, "nothing runs");
  hasContainers = true;
  await clock.step(10_000);
  assert.equal(times, 2);
  isAllowed = false;
  await clock.step(10_000);
  assert.deepEqual(
    lines.map(({ level, message }) => [level, message]),
    [["warn", "containers of different runs may reach each other"]],
  );
  isAllowed = true;
  await clock.step(5_000);
  assert.equal(times, 3);
  await stop();
  await clock.step(10_000);
  assert.equal(times, 3);
  assert.equal(clock.pending, 0);
});
