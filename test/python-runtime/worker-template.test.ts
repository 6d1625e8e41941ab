import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { temporaryDirectory } from "../helpers/server.ts";
import { until } from "../helpers/until.ts";
import { writeFiles, type Files } from "./fake-runtime.ts";
import {
  actionArguments,
  ownA0,
  readAttempt,
  startWorker,
  type Ended,
  type WorkerProcess,
} from "./worker-process.ts";

/** Of a module whose import takes processor time. */
const SECONDS = 2;
const SLOW = `
import time
until = time.process_time() + ${SECONDS}
while time.process_time() < until:
    pass
`;

/** A task that prints the processor time that its own process has taken, up to its code and in it. */
const flow = (head: string, body = "") => `
import flyte, os, sys, time
env = flyte.TaskEnvironment(name='e', image='x')
${head}
@env.task
async def run() -> int:
    print("seconds", time.process_time())
    ${body}
    return 42
`;

interface Forks {
  readonly work: string;
  readonly worker: WorkerProcess;
  /** Resolves when the worker has said so. */
  says(pattern: RegExp): Promise<void>;
  attempt(id: string, options?: AttemptOptions): Promise<Ended>;
}

interface AttemptOptions {
  readonly module?: string;
  readonly version?: string;
  readonly env?: Readonly<Record<string, string>>;
}

async function startForks(t: TestContext, files: Files, options: readonly string[] = []): Promise<Forks> {
  const work = await temporaryDirectory(t);
  const directory = await temporaryDirectory(t);
  await writeFiles(work, { "inputs.pb": "", ...files });
  const args = [...ownA0(), "--preload", "", ...options];
  const errors = join(await temporaryDirectory(t), "errors");
  const worker = await startWorker(t, { mode: "fork", directory, cwd: work, args, errors });
  const connection = await worker.connect();
  const attempt: Forks["attempt"] = async (id, { module = "flow", version = "v", env = {} } = {}) => {
    const words = actionArguments(`out-${id}`, module, "run").map((word) => (word === "v" ? version : word));
    // As the server gives it: a variable of the attempt, which its worker does not have.
    const base = words.indexOf("--run-base-dir");
    const args = words.toSpliced(base, 2);
    connection.send({
      op: "start",
      id,
      args,
      env: { ACTION_NAME: id, _U_RUN_BASE: words[base + 1] ?? "", ...env },
    });
    await connection.report("exited", id);
    assert.ok(!existsSync(join(directory, "attempts", id, "unstarted")));
    return readAttempt(directory, id);
  };
  const says = (pattern: RegExp) =>
    until(async () => pattern.test(await readFile(errors, "utf8"))).catch(async () => {
      assert.match(await readFile(errors, "utf8"), pattern);
    });
  return { work, worker, says, attempt };
}

const secondsOf = ({ stdout }: Ended) => Number(/^seconds (.*)$/mu.exec(stdout)?.[1]);

/** By the reason: statements of a module that attempts import for themselves. */
const REFUSED: Readonly<Record<string, string>> = {
  "it starts a thread": `
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(2)
pool.submit(int).result()`,
  "it starts threads": `
import obstore, obstore.store
obstore.put(obstore.store.MemoryStore(), 'a', b'')`,
  "it prints: hello": "print('hello')",
  "it reads variables that attempts have": "name = os.environ.get('ACTION_NAME')",
  "KeyError: 'RUN_NAME'": "name = os.environ['RUN_NAME']",
  "it reads all environment variables": "variables = dict(os.environ)",
  "it changes environment variables": "os.environ['OMP_NUM_THREADS'] = '1'",
  "it reads the arguments of its process": "words = list(sys.argv)",
  "it reads the clock": "from datetime import datetime\nbegun = datetime.now()",
  "it reads random numbers or the number": "import uuid\nidentifier = uuid.uuid4()",
  "it uses random numbers": "import random\nrandom.seed(42)",
  "it seeds or makes generators": "def default_rng(): pass\ndefault_rng()",
  "it writes files": "with open('written', 'a') as file: file.write('x')",
  "it starts another program": "import subprocess\nsubprocess.run(['true'])",
  "it opens a connection": `
import socket
try: socket.create_connection(('127.0.0.1', 9))
except OSError: pass`,
  "it leaves files or connections open": "kept = open('inputs.pb')",
  "it installs a signal handler": "import signal\nsignal.signal(signal.SIGUSR2, print)",
  "it registers a function for the end": "import atexit\natexit.register(int)",
  "it configures logging": "import logging\nlogging.basicConfig()",
  "it reads flyte's configuration": "project = flyte.current_project()",
  "it changes the module path": "sys.path.append('elsewhere')",
};

/** The child processes of a process that has one thread. */
const childrenOf = async (pid: number) => {
  return (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8"))
    .trim()
    .split(" ")
    .filter(Boolean)
    .map(Number);
};

const IS_READY = /flow is imported ahead of attempts/u;

suite("the module of a task is imported ahead of attempts in forks", { concurrency: true }, () => {
  test("which an attempt then does without", async (t) => {
    const files = { "flow.py": flow("import slow"), "slow.py": SLOW };
    const { says, attempt } = await startForks(t, files);
    const first = await attempt("a");
    assert.ok(secondsOf(first) > SECONDS, first.stdout);
    await says(IS_READY);
    for (const id of ["b", "c"]) {
      const later = await attempt(id);
      assert.equal(later.code, 0, later.stderr);
      t.diagnostic(`seconds of processor time: ${secondsOf(later)}`);
      assert.ok(secondsOf(later) < SECONDS / 4, later.stdout);
    }
  });

  test("but not where it does what an attempt would notice", async (t) => {
    const modules = Object.entries(REFUSED).map(([reason, head], index) => ({
      reason,
      name: `flow_${index}`,
      head,
    }));
    const files = Object.fromEntries(modules.map(({ name, head }) => [`${name}.py`, flow(head)]));
    const { says, attempt } = await startForks(t, files);
    for (const { name, reason } of modules) {
      const first = await attempt(`${name}-a`.replace("_", "-"), { module: name, env: { RUN_NAME: "r" } });
      if (reason.includes("that attempts have")) {
        await says(new RegExp(`${name} is imported ahead`, "u"));
        await attempt(`${name}-b`.replace("_", "-"), { module: name, env: { RUN_NAME: "r" } });
      }
      await says(new RegExp(`each attempt imports ${name} for itself: ${reason}`, "u"));
      const later = await attempt(`${name}-c`.replace("_", "-"), { module: name, env: { RUN_NAME: "r" } });
      assert.deepEqual([first.code, later.code], [0, 0], later.stderr);
    }
  });

  test("an attempt has its own variables, random numbers and process, and ends as others do", async (t) => {
    const body = `
    import random, uuid, signal, subprocess
    print(os.environ["ACTION_NAME"], random.random(), uuid.uuid4(), os.getpid() == os.getpgrp() == os.getsid(0))
    sys.stdout.flush()
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    if os.environ["ACTION_NAME"] == "b": signal.raise_signal(signal.SIGSEGV)`;
    const { says, worker, attempt } = await startForks(t, { "flow.py": flow("", body) });
    await attempt("a");
    await says(IS_READY);
    const printed = [];
    for (const [id, code] of [
      ["b", 139],
      ["c", 0],
      ["d", 0],
    ] as const) {
      const { code: actual, stdout } = await attempt(id);
      assert.equal(actual, code);
      printed.push(/^(\w) (\S+) (\S+) True$/mu.exec(stdout)?.slice(1) ?? []);
    }
    assert.deepEqual(
      printed.map(([name]) => name),
      ["b", "c", "d"],
    );
    assert.equal(new Set(printed.flatMap(([, ...numbers]) => numbers)).size, 6);
    assert.equal((await childrenOf(worker.pid)).length, 1);
  });

  test("only for equal code", async (t) => {
    const { work, says, attempt } = await startForks(t, { "flow.py": flow("", "print('one')") });
    await attempt("a");
    await says(IS_READY);
    await writeFiles(work, { "flow.py": flow("", "print('the other')") });
    assert.match((await attempt("b", { version: "w" })).stdout, /^the other$/mu);
    assert.match((await attempt("c")).stdout, /^the other$/mu);
    await says(/for itself: its files have changed/u);
  });

  test("an attempt starts without it where its process was ended or hangs", async (t) => {
    const { worker, says, attempt } = await startForks(t, { "flow.py": flow(""), "other.py": flow("") });
    await attempt("a");
    await says(IS_READY);
    const [template = 0, ...others] = await childrenOf(worker.pid);
    assert.deepEqual(others, []);
    process.kill(template, "SIGKILL");
    assert.equal((await attempt("b")).code, 0);
    await says(/flow for itself: (its process has ended|it could not be forked)/u);

    await attempt("c", { module: "other" });
    await says(/other is imported ahead/u);
    const [second = 0] = await childrenOf(worker.pid);
    process.kill(second, "SIGSTOP");
    assert.equal((await attempt("d", { module: "other" })).code, 0);
    await says(/other for itself: it could not be forked/u);
    assert.deepEqual(await childrenOf(worker.pid), []);
  });

  test("those of two modules are kept, and the one that was used least recently makes way", async (t) => {
    const names = ["one", "two", "three"];
    const files = Object.fromEntries(names.map((name) => [`${name}.py`, flow("")]));
    const { worker, says, attempt } = await startForks(t, files);
    const templates: number[] = [];
    for (const name of names) {
      await attempt(name, { module: name });
      await says(new RegExp(`${name} is imported ahead`, "u"));
      templates.push(...(await childrenOf(worker.pid)).filter((pid) => !templates.includes(pid)));
    }
    await until(async () => (await childrenOf(worker.pid)).length === 2);
    assert.deepEqual(await childrenOf(worker.pid), templates.slice(1));
    assert.equal((await attempt("again", { module: "one" })).code, 0);
  });

  test("an import that does not end ahead of attempts holds up none", async (t) => {
    const head = "while 'ACTION_NAME' not in os.environ: time.sleep(0.01)";
    const { says, attempt } = await startForks(t, { "flow.py": flow(head) }, ["--watchdog", "8"]);
    await attempt("a");
    assert.equal((await attempt("b")).code, 0);
    await says(/flow for itself: it was not imported in time/u);
    assert.equal((await attempt("c")).code, 0);
  });
});
