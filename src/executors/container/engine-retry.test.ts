import assert from "node:assert/strict";
import { test } from "node:test";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { silentLogger } from "../../lib/log.ts";
import { EngineRetry } from "./engine-retry.ts";

test("an outage ends with the first answer, and the last one counts", async () => {
  const clock = steppedClock(0);
  const retry = new EngineRetry({ clock, log: silentLogger, lostAfterMs: 60_000, onUnreachable: () => {} });
  const signal = new AbortController().signal;
  let isUp = true;
  const ask = () =>
    retry.run(
      async () => {
        if (!isUp) throw new BoxkiteError("ENGINE_UNREACHABLE", "no answer");
      },
      signal,
      "throw",
    );
  const outage = () => retry.outage;
  await ask();
  assert.equal(outage(), undefined);
  for (const sinceMs of [1_000, 50_000]) {
    await clock.step(sinceMs - clock.now());
    isUp = false;
    const asked = ask();
    await clock.step(250);
    assert.deepEqual(outage(), { sinceMs, untilMs: Infinity });
    isUp = true;
    await clock.step(1_000);
    await asked;
    assert.equal(outage()?.sinceMs, sinceMs);
    assert.ok((outage()?.untilMs ?? Infinity) < sinceMs + 1_000);
  }
});
