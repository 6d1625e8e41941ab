import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { steppedClock } from "../../test/helpers/stepped-clock.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { watchPull } from "./pull-watch.ts";

const SILENT = new BoxkiteError("REGISTRY_UNREACHABLE", "no answer", { recoverable: false });
const BUSY = new BoxkiteError("REGISTRY_UNREACHABLE", "status 503");

/** A pull that ends when it is told to, or is aborted; each check gives the next result. */
function setUp(results: readonly (BoxkiteError | undefined)[]) {
  const clock = steppedClock();
  const end = Promise.withResolvers<void>();
  const state = { checks: 0, aborted: false, progress: () => {} };
  const watched = watchPull({
    pull: (signal, onProgress) => {
      state.progress = onProgress;
      signal.addEventListener("abort", () => {
        state.aborted = true;
        end.reject(signal.reason);
      });
      return end.promise;
    },
    check: async () => {
      const result = results[state.checks++];
      if (result !== undefined) throw result;
    },
    signal: new AbortController().signal,
    clock,
  });
  watched.catch(() => {});
  return { clock, end, state, watched };
}

suite("the watch of a pull", () => {
  test("ends a pull whose registry stays silent", async () => {
    const { clock, state, watched } = setUp([SILENT]);
    await clock.step(20_000);
    await assert.rejects(watched, SILENT);
    assert.ok(state.aborted);
  });

  test("does not end one for a single failure that may pass", async () => {
    const { clock, end, state, watched } = setUp([BUSY, undefined, BUSY]);
    await clock.step(70_000);
    assert.deepEqual([state.checks, state.aborted], [3, false]);
    end.resolve();
    await watched;
    assert.equal(clock.pending, 0);
  });

  test("ends one for a failure that lasts", async () => {
    const { clock, watched } = setUp([BUSY, BUSY]);
    await clock.step(40_000);
    await assert.rejects(watched, BUSY);
  });

  test("does not ask while there is progress", async () => {
    const { clock, end, state, watched } = setUp([SILENT]);
    for (let seconds = 0; seconds < 60; seconds += 10) {
      await clock.step(10_000);
      state.progress();
    }
    assert.equal(state.checks, 0);
    end.reject(new Error("the engine's"));
    await assert.rejects(watched, /the engine's/);
  });
});
