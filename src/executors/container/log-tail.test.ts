import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { steppedClock } from "../../../test/helpers/stepped-clock.ts";
import type { EngineApi } from "../../containers/api.ts";
import { silentLogger } from "../../lib/log.ts";
import { LogTail } from "./log-tail.ts";

test("an engine that hangs in a log does not keep the end from being reported; a slow one may take its time", async () => {
  const clock = steppedClock();
  const lines: string[] = [];
  const sink = {
    lastAtMs: undefined,
    flush: async () => {},
    write: (_: string, line: string) => void lines.push(line),
  };
  async function* chunks(signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
    for (const text of ["one", "two"]) {
      await clock.sleep(50_000);
      const payload = Buffer.from(`2026-01-02T03:04:05Z ${text}\n`);
      yield Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, payload.length]), payload]);
    }
    await clock.sleep(1e9, { signal });
  }
  const api: Pick<EngineApi, "containerLogs"> = {
    containerLogs: async (_, { signal }) => chunks(signal),
  };
  const tail = new LogTail(api, "c1", sink, clock, silentLogger);
  const finished = assert.rejects(tail.finish(new AbortController().signal), /sent nothing for 60 s/u);
  for (let steps = 0; steps < 5; steps++) {
    await setImmediate();
    await clock.step(50_000);
  }
  await finished;
  assert.deepEqual(lines, ["one", "two"]);
  assert.equal(clock.pending, 0);
});
