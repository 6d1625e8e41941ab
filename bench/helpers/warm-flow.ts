/** A program whose parent measures its children: each child is trivial, and started in one of the ways there are. */
import type { WorkerMode } from "../../src/domain/warm-start.ts";
import { WORKER_PATH } from "../../src/domain/worker-protocol.ts";

export type StartMode = WorkerMode | "cold";

export interface WarmFlow {
  readonly image: string;
  readonly mode: StartMode;
  /** A module that takes 2 s of processor time to import, imported by the task's own. @default false */
  readonly isSlow?: boolean;
  /** Of resident workers. @default 1 */
  readonly replicas?: number;
  /** Of each of them. @default 1 */
  readonly concurrency?: number;
}

/** Of the children that are measured; those that warm a pool are in none. */
export const MEASURED_GROUP = "measured";
/** Called before the measured ones where each starts cold. */
export const COLD_WARM_UPS = 2;
/** Rounds of warming up until children start warm: a worker takes time to be made. */
export const MOST_WARM_UPS = 10;
export const WARM_UP_PAUSE_MS = 500;
/** Warming up ends with a round of which this share started warm: its workers are there. */
export const ENOUGH_WARM = 0.5;

const SLOW = `
import time
until = time.process_time() + 2
while time.process_time() < until:
    pass
`;

const SETTINGS: Readonly<Record<StartMode, string>> = {
  cold: 'env_vars={"BOXKITE_WARM_START": "off"}',
  one_shot: 'env_vars={"BOXKITE_WARM_START": "one-shot"}',
  fork: 'env_vars={"BOXKITE_WARM_START": "fork"}',
  resident: "reusable=flyte.ReusePolicy(replicas=REPLICAS, concurrency=CONCURRENCY)",
};

/**
 * The files of the program; its tasks are `sequential`, which returns milliseconds of each child, and `parallel`, which returns
 * those of all. Both warm the pool with as many children at once as they measure, on resident workers with as many as these run.
 */
export function warmFlow(flow: WarmFlow): Readonly<Record<string, string>> {
  const { image, mode, isSlow = false, replicas = 1, concurrency = 1 } = flow;
  const setting = SETTINGS[mode]
    .replace("REPLICAS", String(replicas))
    .replace("CONCURRENCY", String(concurrency));
  const text = `
import asyncio, os, time
import flyte
${isSlow ? "import slow_module" : ""}

child = flyte.TaskEnvironment(name="child", image="${image}", ${setting})
parent = flyte.TaskEnvironment(
    name="parent", image="${image}", depends_on=[child], env_vars={"BOXKITE_WARM_START": "off"}
)

@child.task
async def one(n: int) -> int:
    # A warm-up asks whether it runs in a worker.
    return int(os.path.isdir("${WORKER_PATH}")) if n < 0 else n + 1

async def warm_up(width: int) -> None:
    for round in range(${mode === "cold" ? COLD_WARM_UPS : MOST_WARM_UPS}):
        warm = await asyncio.gather(*(one(-1) for _ in range(width)))
        if sum(warm) >= ${ENOUGH_WARM} * width:
            return
        await asyncio.sleep(${WARM_UP_PAUSE_MS / 1_000})

@parent.task
async def sequential(count: int, gap_ms: int = 0) -> list[float]:
    await warm_up(1)
    times = []
    with flyte.group("${MEASURED_GROUP}"):
        for n in range(count):
            # A worker that takes one attempt only needs time to be made again.
            await asyncio.sleep(gap_ms / 1000)
            started = time.perf_counter()
            await one(n)
            times.append((time.perf_counter() - started) * 1000)
    return times

@parent.task
async def parallel(count: int) -> list[float]:
    await warm_up(${mode === "resident" ? `min(count, ${replicas * concurrency})` : "count"})
    started = time.perf_counter()
    with flyte.group("${MEASURED_GROUP}"):
        results = await asyncio.gather(*(one(n) for n in range(count)))
    assert results == list(range(1, count + 1))
    return [(time.perf_counter() - started) * 1000]
`;
  return { "flow.py": text, ...(isSlow && { "slow_module.py": SLOW }) };
}
