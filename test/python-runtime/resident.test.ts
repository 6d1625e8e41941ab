/** Attempts that follow one another in one process of Python. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { writeProgram } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";
import {
  attemptEnd,
  runAttempt,
  startOrder,
  startOrderInputs,
  startResident,
  type OrderedWorker,
} from "./ordered-worker.ts";
import { actionArguments, startCold } from "./worker-process.ts";

const TASKS = `
import asyncio, functools, logging, os, signal, subprocess, sys, threading, time
import flyte

env = flyte.TaskEnvironment(name="e")
calls = 0

@env.task
async def count(x: int) -> int:
    global calls
    calls += 1
    return calls

@env.task
async def change(x: int) -> int:
    os.environ["ADDED"] = "1"
    del os.environ["GIVEN"]
    os.chdir("/")
    os.umask(0)
    return 0

@env.task
async def look(x: int) -> str:
    mask = os.umask(0)
    os.umask(mask)
    own = os.environ["ACTION_NAME"], flyte.ctx().attempt_number, flyte.ctx().action.name
    return repr((os.environ.get("ADDED"), os.environ.get("GIVEN"), os.path.basename(os.getcwd()), mask, *own))

@env.task
async def write(x: int) -> int:
    print("print", x)
    logging.getLogger("mine").warning("logging %d", x)
    thread = threading.Thread(target=lambda: print("thread", x))
    thread.start()
    thread.join()
    await asyncio.get_running_loop().run_in_executor(None, print, "pool", x)
    os.write(1, b"os.write\\n")
    subprocess.run(["echo", "child"])
    return x

@env.task
async def fail(x: int) -> int:
    raise ValueError("no " + str(x))

@env.task
async def leave(x: int) -> int:
    sys.exit(x)

@env.task
async def interrupt(x: int) -> int:
    raise KeyboardInterrupt("stop")

@env.task
def leave_sync(x: int) -> int:
    sys.exit("a message")

@env.task
async def leave_in_background(x: int) -> int:
    async def end():
        sys.exit(x)
    task = asyncio.create_task(end())
    await asyncio.sleep(60)

@env.task
async def die(x: int) -> int:
    os._exit(x)

@env.task
async def sleep(x: int) -> int:
    print("asleep", flush=True)
    await asyncio.sleep(60)

@env.task
def sleep_sync(x: int) -> int:
    print("asleep", flush=True)
    time.sleep(60)

@env.task
async def block(x: int) -> int:
    print("asleep", flush=True)
    time.sleep(60)

@env.task
async def handle(x: int) -> int:
    def stop(*_):
        print("cleaned up")
        sys.exit(5)
    signal.signal(signal.SIGTERM, stop)
    print("asleep", flush=True)
    await asyncio.sleep(60)

@env.task
async def spawn(x: int) -> int:
    import multiprocessing
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(abs, (-5,))

@env.task
async def leave_child(x: int) -> int:
    child = subprocess.Popen(["sleep", "60"])
    print(child.pid, flush=True)
    await asyncio.sleep(60)

@env.task
async def leave_task(x: int) -> int:
    async def late():
        try:
            await asyncio.sleep(60)
        finally:
            print("cancelled")
    asyncio.create_task(late())
    await asyncio.sleep(0)
    return 0

@env.task
async def close(x: int) -> int:
    sys.stdout.close()
    return 0

@env.task
async def leave_thread(x: int) -> int:
    threading.Thread(target=time.sleep, args=(60,), name="uploader").start()
    return 0

waiting = 0
released = None

@env.task
async def meet(x: int) -> str:
    global waiting, released
    released = released or asyncio.Event()
    print("before", x)
    waiting += 1
    if waiting == 8:
        released.set()
    await released.wait()
    print("after", x)
    return os.environ["ACTION_NAME"]

together = 0

@env.task
def alone(x: int) -> int:
    global together
    together += 1
    seen = together
    time.sleep(0.05)
    together -= 1
    return seen
`;

const FILES = { "tasks.py": TASKS };
const SHARED = { files: FILES, args: ["--concurrency", "8"], env: { GIVEN: "1" } };
const ALONE = { files: FILES, env: { GIVEN: "1" } };

for (const [name, setting] of Object.entries({ alone: ALONE, shared: SHARED })) {
  test(`${name}: the state of modules lives on, and what belongs to an attempt does not`, async (t) => {
    const worker = await startResident(t, setting);
    assert.deepEqual((await worker.report("ready")).mode, "resident");
    for (const [index, id] of ["one", "two", "three"].entries()) {
      const { code, result, exit } = await runAttempt(worker, id, "count");
      assert.deepEqual([code, result, exit], [0, index + 1, "0"]);
    }
    const before = await runAttempt(worker, "before", "look");
    assert.equal(before.result, `(None, '1', 'code', 18, 'before', 3, 'before')`);
    assert.equal((await runAttempt(worker, "change", "change")).code, 0);
    const { result } = await runAttempt(worker, "after", "look");
    const umask = name === "alone" ? 18 : 0;
    assert.equal(result, `(None, '1', 'code', ${umask}, 'after', 3, 'after')`);
    const known = await runAttempt(worker, "again", "count");
    worker.send(startOrder("again", "count"));
    assert.equal((await runAttempt(worker, "last", "count")).result, Number(known.result) + 1);
    assert.equal(worker.reports.filter((each) => each.event === "spoiled").length, 0);
  });

  test(`${name}: what an attempt prints is in its files`, async (t) => {
    const worker = await startResident(t, setting);
    await Promise.all([runAttempt(worker, "one", "write", 1), runAttempt(worker, "two", "write", 2)]);
    const python = (x: number) => `print ${x}\nthread ${x}\npool ${x}\n`;
    for (const [id, x] of [
      ["one", 1],
      ["two", 2],
    ] as const) {
      const { stdout, stderr } = await attemptEnd(worker, id);
      const lines = (text: string) => text.trim().split("\n").toSorted().join("\n");
      const expected = python(x) + (name === "alone" ? "os.write\nchild\n" : "");
      assert.equal(lines(stdout), lines(expected));
      assert.match(
        stderr,
        new RegExp(`started for action ${id} with run name r\\nlogging ${x}\\n.*completed`, "u"),
      );
    }
  });

  test(`${name}: errors, exits and cancellation end an attempt as they end a0`, async (t) => {
    const worker = await startResident(t, setting);
    const failed = await runAttempt(worker, "fail", "fail", 4);
    assert.deepEqual([failed.code, failed.result], [0, undefined]);
    assert.match(failed.error, /ValueError.*no 4/su);
    assert.match(failed.stderr, /Traceback.*Uploaded error to s3:\/\/none\/out\/error\.pb/su);
    assert.equal((await runAttempt(worker, "missing", "nothing")).code, 1);
    assert.match((await attemptEnd(worker, "missing")).error, /AttributeError/u);
    assert.equal((await runAttempt(worker, "leave", "leave", 7)).code, 7);
    const told = await runAttempt(worker, "sync", "leave_sync");
    assert.deepEqual([told.code, /a message\n/u.test(told.stderr)], [1, true]);
    assert.equal((await runAttempt(worker, "background", "leave_in_background", 9)).code, 9);
    worker.send(startOrder("asleep", "sleep"));
    await worker.report("started", "asleep");
    worker.send({ op: "signal", id: "asleep", signal: "TERM" });
    assert.equal((await attemptEnd(worker, "asleep")).code, 143);
    assert.match((await runAttempt(worker, "left", "leave_task")).stdout, /cancelled/u);
    assert.equal((await runAttempt(worker, "last", "count")).result, 1);
  });

  test(`${name}: a process that keeps an attempt running ends with it`, async (t) => {
    for (const [task, signal, code] of [
      ["sleep_sync", "TERM", 143],
      ["sleep_sync", "KILL", 137],
      ["block", "KILL", 137],
    ] as const) {
      const worker = await startResident(t, setting);
      worker.send(startOrder("one", task));
      await printed(worker, "asleep");
      worker.send({ op: "signal", id: "one", signal });
      assert.equal((await worker.ended).code, code);
      assert.equal(String(await worker.file("one", "exit")), String(code));
    }
    const worker = await startResident(t, setting);
    worker.send(startOrder("one", "die", 6));
    assert.equal((await worker.ended).code, 6);
    assert.equal(String(await worker.file("one", "exit")), "");
  });

  test(`${name}: a process that the next attempt would notice takes no further one`, async (t) => {
    const thread = await startResident(t, setting);
    await runAttempt(thread, "one", "leave_thread");
    assert.match((await thread.report("spoiled")).reason, /the thread uploader still runs/u);
    thread.send(startOrder("two", "count"));
    await thread.report("exited", "two");
    assert.match(String(await thread.file("two", "unstarted")), /uploader/u);
  });
}

test("a process that has grown by half of the memory that it may use takes no further attempt", () => {
  const programs = join(import.meta.dirname, "../../src/python-runtime/programs");
  const program = `
import sys
sys.path.insert(0, "${programs}")
from worker import resident_health
health = resident_health.Health(256 << 20)
held = [bytes(bytearray(64 << 20))]
print([health.problem(True) for _ in range(6)])
held.append(bytes(bytearray(100 << 20)))
print(health.problem(True))
held.append(bytes(bytearray(60 << 20)))
print(health.problem(True))
`;
  const [first, below, above] = execFileSync("python3", ["-B", "-c", program], { encoding: "utf8" }).split(
    "\n",
  );
  assert.equal(first, "[None, None, None, None, None, None]");
  assert.equal(below, "None");
  assert.match(above ?? "", /^its memory has grown by 16[0-9] MiB since the first 5 attempts$/u);
});

test("an attempt's own handler of SIGTERM runs, and the process takes no further attempt", async (t) => {
  const worker = await startResident(t, ALONE);
  worker.send(startOrder("one", "handle"));
  await printed(worker, "asleep");
  worker.send({ op: "signal", id: "one", signal: "TERM" });
  const { code, stdout } = await attemptEnd(worker, "one");
  assert.deepEqual([code, stdout], [5, "asleep\ncleaned up\n"]);
  assert.match((await worker.report("spoiled")).reason, /the handler of SIGTERM was changed/u);
});

test("child processes of an attempt that is stopped end with it, and multiprocessing works", async (t) => {
  const worker = await startResident(t, ALONE);
  assert.equal((await runAttempt(worker, "spawn", "spawn")).result, 5);
  worker.send(startOrder("one", "leave_child"));
  await printed(worker, "\n");
  worker.send({ op: "signal", id: "one", signal: "TERM" });
  const { code, stdout } = await attemptEnd(worker, "one");
  assert.equal(code, 143);
  const status = () => readFile(`/proc/${stdout.trim()}/stat`, "utf8").catch(() => "gone");
  await until(async () => / Z |gone/u.test(await status()));
});

test("what attempts write and print as they fail is what a cold a0 writes and prints", async (t) => {
  const worker = await startResident(t, ALONE);
  await writeFile(join(worker.cwd, "inputs.pb"), Buffer.from(startOrderInputs(3), "base64"));
  const env = { GIVEN: "1", FLYTE_INTERNAL_EXECUTION_PROJECT: "p" };
  for (const task of ["fail", "nothing", "interrupt", "leave"]) {
    const cold = await startCold(actionArguments(`cold-${task}`, "tasks", task), worker.cwd, env);
    worker.send({ op: "start", id: task, args: actionArguments(`warm-${task}`, "tasks", task), env: {} });
    const warm = await attemptEnd(worker, task);
    assert.equal(warm.code, cold.code);
    const error = (kind: string) =>
      readFile(join(worker.cwd, `${kind}-${task}/error.pb`), "hex").catch(() => "");
    assert.equal(await error("warm"), await error("cold"));
    // Frames of a0 itself differ, where its own code is in the traceback.
    const lines = (text: string) => {
      const named = text.replaceAll("cold-", "warm-");
      const own = named.replaceAll(/^future: .*\n/gmu, "");
      return task === "fail" ? own : own.replaceAll(/^ .*\n/gmu, "");
    };
    assert.equal(lines(warm.stderr), lines(cold.stderr));
    assert.equal(lines(warm.stdout), lines(cold.stdout));
  }
});

test("an attempt whose code cannot be fetched, or is of another version, starts elsewhere", async (t) => {
  const worker = await startResident(t, { files: {} });
  await writeProgram(worker.cwd, { "../sent/tasks.py": TASKS });
  for (const name of ["a", "b"]) {
    execFileSync("tar", [
      "-czf",
      join(worker.cwd, `../${name}.tgz`),
      "-C",
      join(worker.cwd, "../sent"),
      "tasks.py",
    ]);
  }
  /** Its code, and why none of its own code began. */
  const ended = async (id: string) => {
    const { code } = await worker.report("exited", id);
    return { code, unstarted: String(await worker.file(id, "unstarted")) };
  };
  const start = async (id: string, archive: string) => {
    const bundle = ["--tgz", join(worker.cwd, `../${archive}.tgz`), "--dest", "."];
    worker.send(startOrder(id, "count", 0, bundle));
    return await ended(id);
  };
  assert.match((await start("missing", "none")).unstarted, /its code could not be fetched/u);
  assert.equal((await start("first", "a")).unstarted, "");
  assert.match((await start("other", "b")).unstarted, /another version of its code is loaded/u);
  worker.send(startOrder("debugged", "count", 0, ["--debug", "perhaps"]));
  assert.match((await ended("debugged")).unstarted, /perhaps/u);
  assert.equal((await start("second", "a")).code, 0);
  assert.equal((await attemptEnd(worker, "second")).result, 2);
  const begun = worker.reports.flatMap((each) => (each.event === "started" ? [each.id] : []));
  assert.deepEqual(begun, ["first", "second"]);
});

test("a process whose output an attempt has closed takes no further one", async (t) => {
  const worker = await startResident(t, ALONE);
  assert.equal((await runAttempt(worker, "one", "close")).code, 0);
  assert.match((await worker.report("spoiled")).reason, /sys\.stdout was closed/u);
});

test("eight async attempts run beside each other, each with its own output and variables", async (t) => {
  const worker = await startResident(t, SHARED);
  const ids = Array.from({ length: 8 }, (_, index) => `a${index}`);
  const ends = await Promise.all(ids.map((id, index) => runAttempt(worker, id, "meet", index)));
  assert.deepEqual(
    ends.map(({ result }) => result),
    ids,
  );
  assert.deepEqual(
    ends.map(({ stdout }) => stdout),
    ids.map((_, index) => `before ${index}\nafter ${index}\n`),
  );
});

test("sync attempts of one process run one at a time", async (t) => {
  const worker = await startResident(t, SHARED);
  const ends = await Promise.all(["a", "b", "c"].map((id) => runAttempt(worker, id, "alone")));
  assert.deepEqual(
    ends.map(({ result }) => result),
    [1, 1, 1],
  );
});

test("a process of another version of flyte, or with a start of its own, is no worker", async (t) => {
  await assert.rejects(
    startResident(t, { files: FILES, env: { _F_EXEC_WRAPPER: "nsys" } }),
    /with _F_EXEC_WRAPPER a process of flyte takes one attempt only/u,
  );
});

async function printed(worker: OrderedWorker, text: string): Promise<void> {
  await until(async () => (await worker.file("one", "stdout")).includes(text));
}
