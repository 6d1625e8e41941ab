/** A task has returned, and a thread of it never ends: the parent goes on, and the process is ended later. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { stockPython } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

before(() => usePython(stockPython()));

const FLOW = `
import os, threading, time
import flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def lingering() -> int:
    threading.Thread(target=time.sleep, args=(600,)).start()
    return os.getpid()

@env.task
async def parent() -> list[float]:
    began = time.time()
    pid = await lingering()
    try:
        os.kill(pid, 0)
        alive = 1.0
    except ProcessLookupError:
        alive = 0.0
    return [float(pid), time.time() - began, alive]
`;

test(
  "outputs count when they are written, and the process behind them has its time",
  { timeout: 120_000 },
  async (t) => {
    const subject = await processSubject(t, FLOW, ["--linger-seconds", "8"]);
    const { phase, outputs } = await subject.run("parent", {});
    assert.match(phase, /succeeded/iu);
    const [pid = 0, seconds = 0, isAlive] = (outputs?.[0] ?? []) as number[];
    assert.equal(isAlive, 1);
    assert.ok(seconds < 60, `the parent waited ${seconds} s`);
    await until(async () => !lives(pid));
  },
);

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
