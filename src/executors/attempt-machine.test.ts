import assert from "node:assert/strict";
import { test } from "node:test";
import type { AttemptExit } from "../domain/attempt.ts";
import { silentLogger } from "../lib/log.ts";
import { orAborted } from "../lib/wait.ts";
import { MOVES, ON_STOP, type After, type AttemptState, type StateName } from "./attempt-chart.ts";
import { AttemptMachine, AttemptEnded, type AttemptWork } from "./attempt-machine.ts";

type Live = Exclude<StateName, "ended" | "detached">;
const LIVE = ["finding", "pulling", "created", "starting", "running", "stopping", "ending"] as const;
const EXIT: AttemptExit = { reason: "exited", exitCode: 3, outOfMemory: false };
const HANDLE = "handle";

/** Goes the usual way, and stands still in one state until it is let go or broken off. */
function setUp(still?: Live, more: Partial<AttemptWork<string>> = {}) {
  const told: string[] = [];
  const entered = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  let pulled = false;
  const closings: boolean[] = [];
  const pass = async <S>(name: Live, next: S, signal: AbortSignal): Promise<S> => {
    if (name !== still) return next;
    entered.resolve();
    // A start that was asked for comes to its end; all else can be broken off.
    await (name === "starting" || name === "ending" ? release.promise : orAborted(release.promise, signal));
    return next;
  };
  const work: AttemptWork<string> = {
    find: (signal) => {
      const next: After<string, "finding"> = pulled
        ? { name: "created", handle: HANDLE }
        : { name: "pulling" };
      return pass("finding", next, signal);
    },
    pull: (signal) => ((pulled = true), pass("pulling", { name: "finding" }, signal)),
    prepare: (handle, signal) => pass("created", { name: "starting", handle }, signal),
    launch: (handle, signal) => pass("starting", { name: "running", handle, startedAt: 1 }, signal),
    watch: (handle, signal) => pass("running", { name: "ending", handle, startedAt: 1 }, signal),
    stop: async (_, graceMs) => void told.push(`stop ${graceMs}`),
    conclude: (_, stopped, signal) => {
      if (stopped) told.push("concluded as stopped");
      return pass("ending", { name: "ended", exit: EXIT }, signal);
    },
    close: async (isOver) => void closings.push(isOver),
    ...more,
  };
  const machine = new AttemptMachine(
    work,
    {
      progress: () => {},
      prepared: () => {},
      waiting: () => {},
      started: () => void told.push("started"),
      ended: ({ code, exitCode }) => void told.push(`ended ${code ?? exitCode}`),
    },
    silentLogger,
  );
  return { machine, told, entered: entered.promise, release: release.resolve, closed: () => closings };
}

test("every state but the final ones leads to an end and to a detach, and each can be reached", () => {
  for (const name of LIVE) {
    const moves: readonly StateName[] = MOVES[name];
    assert.ok(moves.includes("ended") && moves.includes("detached"), name);
  }
  const reachable = new Set(Object.values(MOVES).flat());
  assert.deepEqual(new Set<StateName>([...reachable, "finding"]), new Set(Object.keys(MOVES)));
  assert.deepEqual([MOVES.ended, MOVES.detached], [[], []]);
  assert.deepEqual(Object.keys(ON_STOP), Object.keys(MOVES));
});

test("an attempt that nobody stops starts and ends, and is let go of once", async () => {
  const { machine, told, closed } = setUp();
  await machine.done;
  assert.deepEqual([told, closed(), machine.state], [["started", "ended 3"], [true], "ended"]);
});

const STOPPED: Record<Exclude<Live, "stopping">, readonly string[]> = {
  finding: ["ended STOPPED_BEFORE_START"],
  pulling: ["ended STOPPED_BEFORE_START"],
  created: ["ended STOPPED_BEFORE_START"],
  // It cannot be taken back: it starts, and is ended then.
  starting: ["started", "stop 5", "concluded as stopped", "ended 3"],
  running: ["started", "stop 5", "concluded as stopped", "ended 3"],
  // Its end is judged as what it was.
  ending: ["started", "ended 3"],
};
for (const [name, expected] of Object.entries(STOPPED)) {
  test(`a stop while it is ${name} ends it, and its end is reported once`, async () => {
    const state = name as keyof typeof STOPPED;
    // The stop ends the process: the second watch sees it.
    let watched = 0;
    const subject = setUp(
      state,
      state === "running"
        ? {
            watch: async (handle, signal) => {
              if (watched++ === 0)
                await orAborted(
                  subject.entered.then(() => new Promise(() => {})),
                  signal,
                );
              return { name: "ending", handle, startedAt: 1 };
            },
          }
        : {},
    );
    if (state === "running") while (subject.machine.state !== "running") await Promise.resolve();
    else await subject.entered;
    const stopped = subject.machine.stop(5);
    subject.release();
    await stopped;
    assert.deepEqual([subject.told, subject.closed()], [expected, [true]]);
    await subject.machine.stop(5);
    assert.deepEqual(subject.told, expected);
  });

  test(`a detach while it is ${name} reports nothing more`, async () => {
    const { machine, told, entered, release, closed } = setUp(name as Live);
    await entered;
    const before = [...told];
    const detached = machine.detach();
    release();
    await detached;
    assert.deepEqual([told, closed(), machine.state], [before, [false], "detached"]);
  });
}

test("an attempt whose stop could not be passed on goes on, and can be stopped again", async () => {
  let fails = true;
  const dead = Promise.withResolvers<void>();
  const { machine, told } = setUp(undefined, {
    watch: async (handle, signal) => {
      await orAborted(dead.promise, signal);
      return { name: "ending", handle, startedAt: 1 };
    },
    stop: async () => {
      if (fails) throw new Error("engine is busy");
      dead.resolve();
    },
  });
  while (machine.state !== "running") await Promise.resolve();
  await assert.rejects(machine.stop(5), /busy/u);
  fails = false;
  await machine.stop(5);
  assert.deepEqual(told, ["started", "concluded as stopped", "ended 3"]);
});

test("what is found running or ended was started before, and that is reported", async () => {
  for (const name of ["running", "ending"] as const) {
    const { machine, told } = setUp(undefined, {
      find: async () => ({ name, handle: HANDLE, startedAt: 7 }),
    });
    await machine.done;
    assert.deepEqual(told, ["started", "ended 3"]);
  }
});

test("an error ends it as lost; what a step knows of the end is reported as it is", async () => {
  const lost = setUp(undefined, { launch: () => Promise.reject(new Error("no idea")) });
  await lost.machine.done;
  assert.deepEqual(lost.told, ["ended EXECUTOR_FAILED"]);
  const over = new AttemptEnded({ reason: "start_failed", code: "GPU_NOT_SUPPORTED", outOfMemory: false });
  const known = setUp(undefined, { find: () => Promise.reject(over) });
  await known.machine.done;
  assert.deepEqual(known.told, ["ended GPU_NOT_SUPPORTED"]);
});

test("a step that leads where the chart has no way does not compile", () => {
  // @ts-expect-error: an ended process is not started again
  const back: After<string, "ending"> = { name: "running", handle: HANDLE, startedAt: 1 };
  const state: AttemptState<string> = back;
  assert.equal(state.name, "running");
});
