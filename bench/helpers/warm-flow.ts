/** A program whose parent measures its children: each child is trivial, and started in one of the ways there are. */
import type { WorkerMode } from "../../src/domain/warm-start.ts";

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

/** What warms a pool; not measured. */
export const WARM_UP_CHILDREN = 2;

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

/** The files of the program; its tasks are `sequential`, which returns milliseconds of each child, and `parallel`. */
export function warmFlow(flow: WarmFlow): Readonly<Record<string, string>> {
  const { image, mode, isSlow = false, replicas = 1, concurrency = 1 } = flow;
  const setting = SETTINGS[mode]
    .replace("REPLICAS", String(replicas))
    .replace("CONCURRENCY", String(concurrency));
  const text = `
import asyncio, time
import flyte
${isSlow ? "import slow_module" : ""}

child = flyte.TaskEnvironment(name="child", image="${image}", ${setting})
parent = flyte.TaskEnvironment(
    name="parent", image="${image}", depends_on=[child], env_vars={"BOXKITE_WARM_START": "off"}
)

@child.task
async def one(n: int) -> int:
    return n + 1

@parent.task
async def sequential(count: int, gap_ms: int = 0) -> list[float]:
    times = []
    for n in range(count + ${WARM_UP_CHILDREN}):
        # A worker that takes one attempt only needs time to be made again.
        await asyncio.sleep(gap_ms / 1000)
        started = time.perf_counter()
        await one(n)
        times.append((time.perf_counter() - started) * 1000)
    return times[${WARM_UP_CHILDREN}:]

@parent.task
async def parallel(count: int) -> list[float]:
    for n in range(${WARM_UP_CHILDREN}):
        await one(-1 - n)
    started = time.perf_counter()
    results = await asyncio.gather(*(one(n) for n in range(count)))
    assert results == list(range(1, count + 1))
    return [(time.perf_counter() - started) * 1000]
`;
  return { "flow.py": text, ...(isSlow && { "slow_module.py": SLOW }) };
}
