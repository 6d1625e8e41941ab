import assert from "node:assert/strict";
import { test } from "node:test";
import { FAKE_SPEC } from "../../test/helpers/fake-workers.ts";
import type { After, Ended } from "./attempt-chart.ts";
import { WarmAttempt, type ColdStart, type FoundInWorker, type InWorker } from "./warm-attempt.ts";

interface Script {
  readonly assigned?: FoundInWorker<string> | "nothing";
  /** In a container of its own, of an earlier server. */
  readonly own?: After<string, "finding">;
  /** By a worker, in the order of the calls; undefined: it starts cold. */
  readonly starts?: (FoundInWorker<string> | undefined)[];
  readonly hasNoWorkers?: boolean;
}

const RUNNING = { name: "running", handle: "worker", startedAt: 1 } as const;
const COLD = { name: "created", handle: "container" } as const;
const OWN = { name: "running", handle: "container", startedAt: 1 } as const;

function setUp({ assigned, own, starts = [], hasNoWorkers = false }: Script) {
  const calls: string[] = [];
  const { signal } = new AbortController();
  const note = async <T>(call: string, result: T): Promise<T> => {
    calls.push(call);
    return result;
  };
  const holder = (name: string) => ({
    watch: () => note(`${name} watches`, { name: "ending", handle: name, startedAt: 1 } as const),
    stop: () => note(`${name} stops`, undefined),
    conclude: () => note(`${name} concludes`, { name: "ended", exit: {} } as unknown as Ended),
    close: () => note(`${name} closes`, undefined),
  });
  const warm: InWorker<string> = {
    ...holder("worker"),
    isAssigned: assigned !== undefined,
    takeUp: () => note("worker takes up", assigned === "nothing" ? undefined : assigned),
    start: () => note("worker starts", starts.shift()),
  };
  const cold: ColdStart<string> = {
    ...holder("container"),
    find: () => Promise.reject(new Error("not asked for")),
    takeUp: () => note("container takes up", own),
    create: () => note("container is created", COLD),
    pull: () => note("pull", { name: "finding" } as const),
    prepare: () => note("prepare", { name: "starting", handle: "container" } as const),
    launch: () => note("launch", OWN),
  };
  const counted = new Set<string>();
  const pools = {
    begin: ({ key }: { readonly key: { readonly action: string } }) => void counted.add(key.action),
    end: ({ action }: { readonly action: string }) => void counted.delete(action),
  };
  const attempt = new WarmAttempt({ spec: FAKE_SPEC, pools, cold, warm: hasNoWorkers ? undefined : warm });
  return { attempt, calls, counted, signal };
}

test("an attempt that a worker takes is watched, stopped and concluded there, and no container is made for it", async () => {
  const { attempt, calls, counted, signal } = setUp({ starts: [RUNNING] });
  assert.deepEqual(await attempt.find(signal), RUNNING);
  assert.deepEqual([...counted], ["a0"]);
  await attempt.watch("worker", signal);
  await attempt.stop("worker", 0);
  await attempt.conclude("worker", false, signal);
  await attempt.close(true);
  assert.deepEqual(calls, [
    "container takes up",
    "worker starts",
    "worker watches",
    "worker stops",
    "worker concludes",
    "worker closes",
  ]);
});

test("one that no worker takes starts cold, and counts until it is over", async () => {
  for (const hasNoWorkers of [false, true]) {
    const { attempt, calls, counted, signal } = setUp({ hasNoWorkers });
    assert.deepEqual(await attempt.find(signal), COLD);
    assert.deepEqual([...counted], ["a0"]);
    await attempt.watch("container", signal);
    await attempt.close(true);
    assert.deepEqual([...counted], []);
    assert.deepEqual(
      calls.filter((call) => !call.startsWith("worker")),
      ["container takes up", "container is created", "container watches", "container closes"],
    );
    assert.equal(calls.includes("worker starts"), !hasNoWorkers);
  }
});

test("one that starts cold and is detached goes on, and counts", async () => {
  const { attempt, calls, counted, signal } = setUp({});
  await attempt.find(signal);
  await attempt.close(false);
  assert.deepEqual([calls.at(-1), ...counted], ["container closes", "a0"]);
});

test("one whose container an earlier server has started is not started in a worker as well", async () => {
  const { attempt, calls, signal } = setUp({ own: OWN, starts: [RUNNING] });
  assert.deepEqual(await attempt.find(signal), OWN);
  await attempt.watch("container", signal);
  await attempt.close(true);
  assert.deepEqual(calls, ["container takes up", "container watches", "worker closes", "container closes"]);
});

test("one that an earlier server gave a worker goes on there, or starts cold, and in no other worker", async () => {
  const goesOn = setUp({ assigned: RUNNING });
  assert.deepEqual(await goesOn.attempt.find(goesOn.signal), RUNNING);
  assert.deepEqual(goesOn.calls, ["worker takes up"]);

  const isGone = setUp({ assigned: "nothing", starts: [RUNNING] });
  assert.deepEqual(await isGone.attempt.find(isGone.signal), COLD);
  assert.deepEqual(isGone.calls, ["worker takes up", "container takes up", "container is created"]);
});

test("one whose image has to be pulled is asked for a worker again, and one that is cold is not", async () => {
  const { attempt, calls, signal } = setUp({ starts: [{ name: "pulling" }, undefined, RUNNING] });
  assert.deepEqual(await attempt.find(signal), { name: "pulling" });
  await attempt.pull(signal);
  assert.deepEqual(await attempt.find(signal), COLD);
  assert.deepEqual(await attempt.find(signal), COLD);
  assert.equal(calls.filter((call) => call === "worker starts").length, 2);
});
