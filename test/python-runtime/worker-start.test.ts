import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { spawnSync } from "node:child_process";
import { temporaryDirectory } from "../helpers/server.ts";
import { stockPython } from "../helpers/stock-sdk.ts";
import { FLYTE, writeFiles, writeRuntime } from "./fake-runtime.ts";
import { machinePythons } from "./interpreters.ts";
import { actionArguments, ownA0, startWorker } from "./worker-process.ts";
import { sourceOf } from "./worker-programs.ts";

const PROGRAMS = join(import.meta.dirname, "../../src/python-runtime/programs");

suite("a worker before its attempt", { concurrency: 2 }, () => {
  for (const { minor, path: python } of machinePythons()) {
    test(`Python ${minor}: a mounted runtime is found as by boot.py, with the same traceback`, async (t) => {
      const directory = await temporaryDirectory(t);
      const runtime = join(directory, "runtime");
      await writeRuntime(runtime, { flyte: FLYTE });
      const task =
        "import sys\ndef run():\n    print(sys.argv, sys.path[0], len(sys.meta_path))\n    raise ValueError('mine')\n";
      await writeFiles(directory, { "task.py": task });
      const boot = ["--boot", "prepend", runtime];
      const worker = await startWorker(t, {
        mode: "one_shot",
        directory: join(directory, "worker"),
        cwd: directory,
        args: boot,
        python,
      });
      const connection = await worker.connect();
      const { runtime: version } = await connection.report("ready");
      assert.match(version, new RegExp(`^python ${minor.replace(".", "\\.")}\\.`, "u"));
      connection.send({ op: "start", id: "a", args: ["task"], env: {} });
      const { code, stdout, stderr } = await worker.ended;
      const cold = spawnSync(python, ["-B", join(PROGRAMS, "boot.py"), "prepend", runtime, "task"], {
        cwd: directory,
        encoding: "utf8",
      });
      assert.deepEqual({ code, stdout, stderr }, { code: 1, stdout: cold.stdout, stderr: cold.stderr });
      assert.match(stdout, /^\['a0', 'task'\]/u);
    });
  }

  const refused = async (t: TestContext, mode: "one_shot" | "fork", args: readonly string[]) => {
    const directory = await temporaryDirectory(t);
    const { ended } = await startWorker(t, { mode, directory, cwd: directory, args });
    const { code, stderr } = await ended;
    assert.equal(code, 69);
    assert.equal(stderr.split("\n").length, 2, stderr);
    assert.ok(!existsSync(join(directory, "socket")));
    return stderr;
  };

  test("another form of flyte cannot be forked, which is said in one line", async (t) => {
    const runtime = await temporaryDirectory(t);
    await writeRuntime(runtime, { flyte: FLYTE });
    assert.match(
      await refused(t, "fork", ["--boot", "prepend", runtime]),
      /^boxkite worker: this version of flyte cannot be forked: No module named 'flyte.syncify'/u,
    );
  });

  test("a damaged runtime, or no program, is no worker", async (t) => {
    assert.match(await refused(t, "one_shot", ["--boot", "append", "/nowhere"]), /could not be read/u);
    assert.match(await refused(t, "one_shot", []), /neither --a0 nor --boot/u);
    assert.match(await refused(t, "one_shot", ["--a0", process.execPath]), /as a Python program/u);
  });

  test("libraries are there before, but for such as fail, print or start threads", async (t) => {
    const libraries = await temporaryDirectory(t);
    await writeFiles(libraries, {
      "calm.py": "",
      "loud.py": "print('hello')",
      "broken.py": "1 / 0",
      "threaded.py":
        "import threading, time\nthreading.Thread(target=time.sleep, args=[99], daemon=True).start()",
    });
    const directory = await temporaryDirectory(t);
    const body = "print([name in sys.modules for name in ('calm', 'loud', 'broken', 'threaded')])";
    await writeFiles(directory, { "inputs.pb": "", "flow.py": sourceOf({ body, code: 0 }) });
    const worker = await startWorker(t, {
      mode: "fork",
      directory,
      cwd: directory,
      env: { PYTHONPATH: libraries },
      args: [...ownA0(), "--preload", "loud,calm,broken,missing,threaded"],
    });
    const connection = await worker.connect();
    const { preloaded, leftOut } = await connection.report("ready");
    assert.deepEqual(preloaded, ["calm"]);
    assert.deepEqual(leftOut, {
      loud: "it prints when it is imported: hello",
      broken: "ZeroDivisionError: division by zero",
      threaded: "it starts threads when it is imported: python",
    });
    connection.send({ op: "start", id: "a", args: actionArguments("out", "flow", "run"), env: {} });
    await connection.report("exited", "a");
  });

  test("libraries are imported ahead for forks only, and only with ample memory", async (t) => {
    const directory = await temporaryDirectory(t);
    await writeFiles(directory, { v2: "max\n", v1: "9223372036854771712\n", small: "268435456\n" });
    const program = `
import sys
sys.path.insert(0, "${PROGRAMS}")
from worker import memory, options, preload
real = memory.limit
print([memory.limit([path, "small"]) for path in ("v2", "v1", "small", "missing")])
for limit in ("v2", "v1", "small"):
    bytes = memory.limit([limit])
    memory.limit = lambda paths=None: bytes
    print([len(preload.libraries(mode)) for mode in options.MODES])
    memory.limit = real
`.replace("for limit in", "real = memory.limit\nfor limit in");
    const { stdout, stderr } = spawnSync("python3", ["-B", "-c", program], {
      cwd: directory,
      encoding: "utf8",
    });
    assert.deepEqual(
      stdout.trim().split("\n"),
      ["[inf, 9223372036854771712, 268435456, 268435456]", "[0, 5, 0]", "[0, 5, 0]", "[0, 0, 0]"],
      stderr,
    );
  });

  test("certificates that were read ahead are used once each, and not where variables choose others", async (t) => {
    const directory = await temporaryDirectory(t);
    const program = `
import os, sys
sys.path.insert(0, "${join(PROGRAMS, "worker")}")
import certifi, httpx, tls
def contexts(count):
    return [httpx.AsyncClient()._transport._pool._ssl_context for _ in range(count)]
end = "-----END CERTIFICATE-----"
with open(certifi.where()) as file, open("one.pem", "w") as one:
    one.write(file.read().split(end)[0] + end)
tls.stock()
os.environ["SSL_CERT_FILE"] = "one.pem"
other, = contexts(1)
del os.environ["SSL_CERT_FILE"]
made = httpx._transports.default.create_ssl_context.__closure__
ahead = next(cell.cell_contents for cell in made if isinstance(cell.cell_contents, list) and len(cell.cell_contents) == 2)[:]
given = contexts(3)
print(len(other.get_ca_certs()), [each in ahead for each in given], len({id(each) for each in given}))
print(len({len(each.get_ca_certs()) for each in given}), httpx._transports.default.create_ssl_context is httpx.create_ssl_context)
`;
    const { stdout, stderr } = spawnSync(stockPython(), ["-B", "-c", program], {
      cwd: directory,
      encoding: "utf8",
      env: { PATH: process.env["PATH"] },
    });
    assert.equal(stdout, "1 [True, True, False] 3\n1 True\n", stderr);
  });

  test("an action imports nothing that the worker has not", async (t) => {
    const program = `
import importlib, os, sys
sys.path.insert(0, "${PROGRAMS}")
import probe
sys.path.insert(0, "${join(PROGRAMS, "worker")}")
import modules, flyte._bin.runtime
for name in modules.MODULES:
    importlib.import_module(name)
before = set(sys.modules)
threads = len(os.listdir("/proc/self/task"))
sys.stdout = sys.stderr
probe.run_action()
sys.__stdout__.write(f"{threads} {sorted(set(sys.modules) - before)}")
sys.__stdout__.flush()
os._exit(0)
`;
    const { stdout, stderr } = spawnSync(stockPython(), ["-B", "-c", program], {
      cwd: await temporaryDirectory(t),
      encoding: "utf8",
      env: { PATH: process.env["PATH"] },
    });
    // The second thread is that of flyte's own import.
    assert.equal(stdout, "2 ['boxkite_probe_task', 'fsspec.implementations.memory']", stderr);
  });
});
