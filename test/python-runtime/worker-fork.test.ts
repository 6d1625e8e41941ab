import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import type { Report } from "../../src/domain/worker-protocol.ts";
import { temporaryDirectory } from "../helpers/server.ts";
import { until } from "../helpers/until.ts";
import { writeFiles, type Files } from "./fake-runtime.ts";
import {
  actionArguments,
  ownA0,
  readAttempt,
  startWorker,
  type Connection,
  type WorkerProcess,
} from "./worker-process.ts";
import { sourceOf } from "./worker-programs.ts";

interface Forks {
  readonly work: string;
  readonly directory: string;
  readonly worker: WorkerProcess;
  readonly connection: Connection;
  start(id: string, module: string): void;
}

async function startForks(t: TestContext, files: Files, options: readonly string[] = []): Promise<Forks> {
  const work = await temporaryDirectory(t);
  const directory = await temporaryDirectory(t);
  await writeFiles(work, { "inputs.pb": "", ...files });
  const args = [...ownA0(), "--preload", "", ...options];
  const worker = await startWorker(t, { mode: "fork", directory, cwd: work, args });
  const connection = await worker.connect();
  const start = (id: string, module: string) =>
    connection.send({ op: "start", id, args: actionArguments(`out-${id}`, module, "run"), env: { ID: id } });
  return { work, directory, worker, connection, start };
}

/** As of proc_pid_stat(5). */
async function stateOf(pid: string): Promise<string | undefined> {
  return /\) (\w) /u.exec(await readFile(`/proc/${pid}/stat`, "utf8"))?.[1];
}

const exitedOf = (reports: readonly Report[]) => reports.filter(({ event }) => event === "exited");

suite("attempts in forks", { concurrency: true }, () => {
  test("one after the other, also after one that crashed; an id starts once", async (t) => {
    const { directory, connection, start } = await startForks(t, {
      "crash.py": sourceOf({ body: "import ctypes; ctypes.string_at(0)", code: 139 }),
      "fine.py": sourceOf({ body: "print('by', os.environ['ID'])", code: 0 }),
    });
    start("a", "crash");
    assert.equal((await connection.report("exited", "a")).code, 139);
    start("b", "fine");
    assert.equal((await connection.report("exited", "b")).code, 0);
    start("b", "fine");
    start("c", "fine");
    const last = await connection.report("exited", "c");
    assert.equal(last.code, 0, (await readAttempt(directory, "c")).stderr);
    assert.match((await readAttempt(directory, "b")).stdout, /^by b$/mu);
    assert.equal(exitedOf(connection.reports).length, 3);
    assert.deepEqual(
      connection.reports.map(({ event }) => event),
      ["ready", ...["a", "b", "c"].flatMap(() => ["started", "exited"])],
    );
  });

  test("none has the random numbers or names of another", async (t) => {
    const body = `
import random, tempfile, uuid
numbers = [random.random(), uuid.uuid4(), tempfile.mktemp()]
if "numpy" in sys.modules:
    numbers.append(sys.modules["numpy"].random.random())
print(numbers)`;
    const files = { "flow.py": sourceOf({ body, code: 0 }) };
    const { directory, connection, start } = await startForks(t, files, ["--preload", "numpy"]);
    for (const id of ["a", "b"]) {
      start(id, "flow");
      assert.equal((await connection.report("exited", id)).code, 0);
    }
    const numbersOf = async (id: string) => {
      const { stdout } = await readAttempt(directory, id);
      return (/^\[(.*)\]$/mu.exec(stdout)?.[1] ?? "").split(", ");
    };
    const first = await numbersOf("a");
    const second = await numbersOf("b");
    assert.ok(first.length >= 3);
    assert.ok(first.every((number, index) => number !== second[index]));
  });

  test("clients are made when they are used, or before a variable that they read changes", async (t) => {
    const body = `
def has_made():
    threads = [open(f"/proc/self/task/{each}/comm").read().strip() for each in os.listdir("/proc/self/task")]
    return "tokio-rt-worker" in threads
before = has_made()
os.environ["HTTP_PROXY"] = "http://127.0.0.1:9"
print("made", before, has_made())`;
    const { directory, connection, start } = await startForks(t, {
      "flow.py": sourceOf({ body, code: 0 }),
    });
    start("a", "flow");
    assert.equal((await connection.report("exited", "a")).code, 0);
    assert.match((await readAttempt(directory, "a")).stdout, /^made False True$/mu);
  });

  test("a signal reaches all processes, and nothing of an attempt lives on", async (t) => {
    const body = `
import signal, subprocess
signal.signal(signal.SIGTERM, lambda *_: (print("terminated", flush=True), os._exit(5)))
escaped = subprocess.Popen(["sleep", "600"], start_new_session=True)
member = subprocess.Popen(["sleep", "600"])
with open("pids.new", "w") as file:
    file.write(f"{escaped.pid} {member.pid}")
os.rename("pids.new", "pids")
while True:
    signal.pause()`;
    const { work, directory, connection, start } = await startForks(t, {
      "flow.py": sourceOf({ body, code: 5 }),
    });
    start("a", "flow");
    await until(async () => existsSync(join(work, "pids")));
    connection.send({ op: "signal", id: "a", signal: "TERM" });
    assert.equal((await connection.report("exited", "a")).code, 5);
    assert.match((await readAttempt(directory, "a")).stdout, /^terminated$/mu);
    const pids = (await readFile(join(work, "pids"), "utf8")).split(" ");
    assert.deepEqual(
      pids.filter((pid) => existsSync(`/proc/${pid}`)),
      [],
    );
  });

  test("KILL ends an attempt that ignores TERM", async (t) => {
    const body = `
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open("ready", "w").close()
while True:
    signal.pause()`;
    const { work, directory, connection, start } = await startForks(t, {
      "flow.py": sourceOf({ body, code: 137 }),
    });
    start("a", "flow");
    await until(async () => existsSync(join(work, "ready")));
    for (const signal of ["TERM", "KILL"] as const) connection.send({ op: "signal", id: "a", signal });
    assert.equal((await connection.report("exited", "a")).code, 137);
    assert.ok(!existsSync(join(directory, "attempts/a/unstarted")));
  });

  test("a new connection replaces the one before, and begins with what is not over", async (t) => {
    const body = "import time\nwhile not os.path.exists('go'): time.sleep(0.01)";
    const { work, worker, connection, start } = await startForks(t, {
      "flow.py": sourceOf({ body, code: 0 }),
    });
    start("a", "flow");
    await connection.report("started", "a");
    const second = await worker.connect();
    await connection.closed();
    const { known } = await second.report("ready");
    assert.deepEqual(known, ["a"]);
    await second.report("started", "a");
    await writeFiles(work, { go: "" });
    assert.equal((await second.report("exited", "a")).code, 0);
  });

  test("an attempt that does not come to its own code in time is ended, and may start elsewhere", async (t) => {
    const files = { "flow.py": "open('imported', 'w').close()\n" };
    const { work, directory, connection, start } = await startForks(t, files, ["--watchdog", "0"]);
    start("a", "flow");
    assert.equal((await connection.report("exited", "a")).code, 137);
    const unstarted = readFileSync(join(directory, "attempts/a/unstarted"), "utf8");
    assert.match(unstarted, /did not come to the task's code in time/u);
    assert.ok(!existsSync(join(work, "imported")));
    assert.ok(connection.reports.every(({ event }) => event !== "started"));
  });

  test("so may one that fails before it comes to its own code", async (t) => {
    const { directory, connection } = await startForks(t, {});
    connection.send({ op: "start", id: "a", args: ["--no-such-option"], env: {} });
    assert.equal((await connection.report("exited", "a")).code, 2);
    const unstarted = readFileSync(join(directory, "attempts/a/unstarted"), "utf8");
    assert.match(unstarted, /ended with code 2 before/u);
  });

  test("a worker that cannot make an attempt takes no further ones, and says so", async (t) => {
    const { worker, directory, connection, start } = await startForks(t, {});
    await writeFiles(directory, { attempts: "no directory" });
    start("a", "flow");
    assert.equal((await connection.report("exited", "a")).code, 1);
    const { reason } = await connection.report("spoiled");
    start("b", "flow");
    assert.equal((await connection.report("exited", "b")).code, 1);
    assert.ok(connection.reports.every(({ event }) => event !== "started"));
    assert.equal((await (await worker.connect()).report("spoiled")).reason, reason);
  });

  test("one that is to start while another one runs may start elsewhere, and the worker takes no further ones", async (t) => {
    const body = "import time\nwhile not os.path.exists('go'): time.sleep(0.01)\nprint('whole')";
    const { work, directory, connection, start } = await startForks(t, {
      "flow.py": sourceOf({ body, code: 0 }),
    });
    start("a", "flow");
    await connection.report("started", "a");
    start("b", "flow");
    const refused = /the attempt a still ran/u;
    await connection.report("exited", "b");
    assert.match(readFileSync(join(directory, "attempts/b/unstarted"), "utf8"), refused);
    assert.match((await connection.report("spoiled")).reason, refused);
    await writeFiles(work, { go: "" });
    assert.equal((await connection.report("exited", "a")).code, 0);
    assert.match((await readAttempt(directory, "a")).stdout, /^whole$/mu);
  });

  test("an order that an attempt gives as it ends starts nothing after it", async (t) => {
    const body = `
import socket, time
peer = socket.socket(socket.AF_UNIX)
peer.connect(os.environ["SOCKET"])
with open("pid.new", "w") as file:
    file.write(str(os.getpid()))
os.rename("pid.new", "pid")
while not os.path.exists("go"): time.sleep(0.01)
peer.send(b'{"op":"start","id":"forged","args":[],"env":{}}\\n')
os._exit(7)`;
    const { work, directory, worker, connection, start } = await startForks(t, {
      "flow.py": sourceOf({ body, code: 7 }),
      "fine.py": sourceOf({ body: "pass", code: 0 }),
    });
    // It ends what else this worker has as children.
    start("first", "fine");
    await connection.report("exited", "first");
    const args = actionArguments("out", "flow", "run");
    connection.send({ op: "start", id: "a", args, env: { SOCKET: join(directory, "socket") } });
    await connection.closed();
    await until(async () => existsSync(join(work, "pid")));
    const child = await readFile(join(work, "pid"), "utf8");
    // The worker finds the order and the end of the attempt at once.
    process.kill(worker.pid, "SIGSTOP");
    await writeFiles(work, { go: "" });
    await until(async () => (await stateOf(child)) === "Z");
    process.kill(worker.pid, "SIGCONT");
    await until(async () => existsSync(join(directory, "attempts/forged/exit")));
    const refused = /the attempt a still ran when another one was to start/u;
    assert.match(readFileSync(join(directory, "attempts/forged/unstarted"), "utf8"), refused);
    await until(async () => existsSync(join(directory, "attempts/a/exit")));
    assert.equal((await readAttempt(directory, "a")).code, 7);
    assert.match((await (await worker.connect()).report("spoiled")).reason, refused);
  });

  test("what is no order ends the connection, and nothing else", async (t) => {
    const { worker, connection } = await startForks(t, { "flow.py": sourceOf({ body: "pass", code: 0 }) });
    let current = connection;
    for (const line of [
      "{",
      "[]",
      '{"op":"start","id":"../a","args":[],"env":{}}',
      '{"op":"signal","id":"a"}',
    ]) {
      current.write(`${line}\n`);
      await current.closed();
      current = await worker.connect();
      assert.deepEqual((await current.report("ready")).known, []);
    }
    current.send({ op: "start", id: "a", args: actionArguments("out", "flow", "run"), env: {} });
    assert.equal((await current.report("exited", "a")).code, 0);
  });
});
