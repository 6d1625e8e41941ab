/** Whole runs on a real server whose attempts are handed to workers: a program in place of a0 does it. */
import assert from "node:assert/strict";
import { chmod, mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { before, test, type TestContext } from "node:test";
import { processSubject, usePython, type Outcome } from "../helpers/process-subject.ts";
import { temporaryDirectory } from "../helpers/server.ts";
import { stockPython } from "../helpers/stock-sdk.ts";
import { writeFiles } from "./fake-runtime.ts";
import { ownA0, startWorker, WORKER_PROGRAM } from "./worker-process.ts";

const FLOW = `
import os
import flyte
import flyte.io

env = flyte.TaskEnvironment(name="work")

@env.task
async def square(n: int, note: flyte.io.File) -> int:
    async with note.open("rb") as file:
        print("child", n, bytes(await file.read()).decode())
    return n * n

@env.task
async def fan(n: int) -> int:
    with open("note.txt", "w") as file:
        file.write("from the parent")
    note = await flyte.io.File.from_local("note.txt")
    import asyncio
    squares = await asyncio.gather(*(square(i, note) for i in range(n)))
    print("pid", os.getpid())
    return sum(squares)

@env.task
def fail() -> int:
    raise ValueError("mine")
`;

let python = "";
before(() => {
  python = stockPython();
  usePython(python);
});

/** Sends its own arguments and variables to a worker, and ends as the attempt does. */
const relay = (directory: string) => `#!${python} -I
import json, os, socket, sys, uuid
directory = ${JSON.stringify(directory)}
id = str(uuid.uuid4())
connection = socket.socket(socket.AF_UNIX)
for name in sorted(os.listdir(directory)):
    try:
        os.mkdir(os.path.join(directory, name, "taken"))
    except FileExistsError:
        continue
    break
else:
    sys.exit("no worker is free")
worker = os.path.join(directory, name)
connection.connect(os.path.join(worker, "socket"))
connection.sendall((json.dumps({"op": "start", "id": id, "args": sys.argv[1:], "env": dict(os.environ)}) + "\\n").encode())
for line in connection.makefile():
    report = json.loads(line)
    if report["event"] == "exited":
        break
os.rmdir(os.path.join(worker, "taken"))
for name, output in ("stdout", sys.stdout), ("stderr", sys.stderr):
    with open(os.path.join(worker, "attempts", id, name)) as file:
        output.write(file.read())
assert not os.path.exists(os.path.join(worker, "attempts", id, "unstarted")), report
sys.exit(report["code"])
`;

/** Becomes a worker that takes what it was started for. */
const becoming = (program: string) => `#!${python} -I
import json, os, socket, sys, tempfile, time
directory = tempfile.mkdtemp()
if os.fork() != 0:
    os.execv("${python}", ["${python}", ${JSON.stringify(program)}, "one_shot", directory, ${ownA0()
      .map((word) => JSON.stringify(word))
      .join(", ")}, "--preload", ""])
path = os.path.join(directory, "socket")
while not os.path.exists(path):
    time.sleep(0.01)
connection = socket.socket(socket.AF_UNIX)
connection.connect(path)
connection.sendall((json.dumps({"op": "start", "id": "a", "args": sys.argv[1:], "env": {}}) + "\\n").encode())
connection.makefile().read()
`;

async function runOneShot(t: TestContext, task: string, inputs: object): Promise<Outcome> {
  const bin = join(await temporaryDirectory(t), "bin");
  await writeFiles(bin, { a0: becoming(WORKER_PROGRAM) });
  await chmod(join(bin, "a0"), 0o755);
  await symlink(python, join(bin, "python"));
  const args = ["--engine", "process", "--python", join(bin, "python"), "--ephemeral"];
  return (await processSubject(t, FLOW, args)).run(task, inputs);
}

async function runInForks(t: TestContext, tasks: readonly (readonly [string, object])[]): Promise<Outcome[]> {
  const directory = await temporaryDirectory(t);
  const bin = join(directory, "bin");
  const workers = join(directory, "workers");
  // One at a time in each, as in pools.
  for (const name of ["a", "b", "c"]) {
    const cwd = join(directory, "cwd", name);
    await mkdir(cwd, { recursive: true });
    const args = [...ownA0(), "--preload", ""];
    const worker = await startWorker(t, { mode: "fork", directory: join(workers, name), cwd, args });
    (await worker.connect()).close();
  }
  await writeFiles(bin, { a0: relay(workers) });
  await chmod(join(bin, "a0"), 0o755);
  await symlink(python, join(bin, "python"));
  const { run } = await processSubject(t, FLOW, [
    "--engine",
    "process",
    "--python",
    join(bin, "python"),
    "--ephemeral",
    // The parent waits beside its children, and holds a worker as well.
    "--max-parallel",
    "2",
  ]);
  const outcomes: Outcome[] = [];
  for (const [task, inputs] of tasks) outcomes.push(await run(task, inputs));
  const attempts = await Promise.all(
    ["a", "b", "c"].map((name) => readdir(join(workers, name, "attempts")).catch(() => [])),
  );
  assert.equal(attempts.flat().length, outcomes.flatMap(({ actions }) => actions).length);
  return outcomes;
}

test("a parent and its children run in forks, and a failure is the task's", async (t) => {
  const [fan, fail] = await runInForks(t, [
    ["fan", { n: 4 }],
    ["fail", {}],
  ]);
  assert.deepEqual(fan?.outputs, [14]);
  assert.equal(fan.actions.length, 5);
  assert.match(fail?.error ?? "", /mine/u);
  assert.match(fail?.code ?? "", /ValueError/u);
});

test("a parent and its children run in workers of one attempt each", async (t) => {
  const { outputs, actions } = await runOneShot(t, "fan", { n: 2 });
  assert.deepEqual(outputs, [1]);
  assert.equal(actions.length, 3);
});
