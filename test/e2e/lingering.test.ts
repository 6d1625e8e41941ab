/** A task has returned or raised, and a thread of it never ends: the parent goes on, and the process is ended later. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { processSubject, usePython } from "../helpers/process-subject.ts";
import { stockPython } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

before(() => usePython(stockPython()));

const FLOW = `
import asyncio, os, re, threading, time
import flyte
env = flyte.TaskEnvironment(name="e")

@env.task
async def lingering() -> int:
    threading.Thread(target=time.sleep, args=(600,)).start()
    return os.getpid()

@env.task
async def failing() -> int:
    threading.Thread(target=time.sleep, args=(600,)).start()
    raise ValueError(f"pid {os.getpid()}")

def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False

@env.task
async def parent() -> list[int]:
    began = time.time()
    returned, raised = await asyncio.gather(lingering(), failing(), return_exceptions=True)
    pids = [returned, int(re.search(r"pid (\\d+)", str(raised)).group(1))]
    return [*pids, int(time.time() - began), sum(alive(pid) for pid in pids)]
`;

test(
  "outputs, or an error, count when they are written, and the process behind them has its time",
  { timeout: 120_000 },
  async (t) => {
    const subject = await processSubject(t, FLOW, ["--linger-seconds", "8"]);
    const { phase, outputs } = await subject.run("parent", {});
    assert.match(phase, /succeeded/iu);
    const [returned = 0, raised = 0, seconds = 0, living] = (outputs?.[0] ?? []) as number[];
    assert.equal(living, 2);
    assert.ok(seconds < 60, `the parent waited ${seconds} s`);
    await until(async () => !lives(returned) && !lives(raised));
  },
);

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
