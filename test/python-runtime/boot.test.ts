import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { temporaryDirectory } from "../helpers/server.ts";
import { FLYTE, installPackages, writeFiles, writeRuntime, type FakePackages } from "./fake-runtime.ts";
import { machinePythons } from "./interpreters.ts";

const PROGRAMS = join(import.meta.dirname, "../../src/python-runtime/programs");

const packages = (where: string): FakePackages => ({
  "typing-extensions": {
    version: where === "image" ? "4.5.0" : "4.16.0",
    files: { "boxkite_te.py": `where = "${where}"` },
  },
  protobuf: {
    version: where === "image" ? "3.20.3" : "7.36.2",
    files: {
      "google/protobuf/__init__.py": `where = "${where}"`,
      "google/protobuf/sub.py": `where = "${where}"`,
    },
  },
});
const RUNTIME: FakePackages = {
  ...packages("runtime"),
  flyte: FLYTE,
  missing: { version: "1.0", files: { "boxkite_missing/__init__.py": 'where = "runtime"' } },
  googleapis: { version: "1.76.0", files: { "google/rpc/status_pb2.py": 'where = "runtime"' } },
};

const SEEN = `
import importlib.metadata, json
import boxkite_te, boxkite_missing, google.protobuf, google.protobuf.sub, google.rpc.status_pb2
def run():
    print(json.dumps({
        "te": [boxkite_te.where, importlib.metadata.version("typing_extensions")],
        "protobuf": [google.protobuf.where, google.protobuf.sub.where, importlib.metadata.version("protobuf")],
        "missing": [boxkite_missing.where, importlib.metadata.version("missing")],
        "rpc": google.rpc.status_pb2.where,
    }))
`;

interface Run {
  readonly mode: string;
  /** The content of the module that is run. */
  readonly task: string;
  readonly arguments?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Of the image, beside its packages. */
  readonly files?: Readonly<Record<string, string>>;
}

for (const { minor, path: python } of machinePythons()) {
  const run = async (t: TestContext, { mode, task, arguments: rest = [], env = {}, files = {} }: Run) => {
    const directory = await temporaryDirectory(t);
    await writeRuntime(join(directory, "runtime"), RUNTIME);
    await installPackages(join(directory, "image"), packages("image"));
    await writeFiles(join(directory, "image"), files);
    await writeFiles(join(directory, "work"), { "task.py": task });
    const { status, stdout, stderr } = spawnSync(
      python,
      ["-B", join(PROGRAMS, "boot.py"), mode, join(directory, "runtime"), "task", ...rest],
      {
        cwd: join(directory, "work"),
        encoding: "utf8",
        env: { PATH: process.env["PATH"], PYTHONPATH: join(directory, "image"), RUNTIME: directory, ...env },
      },
    );
    return { status, stdout, stderr };
  };
  const seen = async (t: TestContext, options: Omit<Run, "task">): Promise<unknown> => {
    const { stdout, stderr } = await run(t, { ...options, task: SEEN });
    assert.equal(stderr, "");
    return JSON.parse(stdout);
  };

  suite(`a0 of a mounted runtime, Python ${minor}`, () => {
    test("append: the image's own packages count, and what is missing is there", async (t) => {
      assert.deepEqual(await seen(t, { mode: "append" }), {
        te: ["image", "4.5.0"],
        protobuf: ["image", "image", "3.20.3"],
        missing: ["runtime", "1.0"],
        rpc: "runtime",
      });
    });

    test("route: the packages that are named come from the runtime, with their versions", async (t) => {
      assert.deepEqual(await seen(t, { mode: "route=protobuf" }), {
        te: ["image", "4.5.0"],
        protobuf: ["runtime", "runtime", "7.36.2"],
        missing: ["runtime", "1.0"],
        rpc: "runtime",
      });
    });

    test("prepend: all of the runtime counts", async (t) => {
      assert.deepEqual(await seen(t, { mode: "prepend" }), {
        te: ["runtime", "4.16.0"],
        protobuf: ["runtime", "runtime", "7.36.2"],
        missing: ["runtime", "1.0"],
        rpc: "runtime",
      });
    });

    test("an ordinary package of a namespace's name hides nothing of the runtime", async (t) => {
      const result = await seen(t, { mode: "route=protobuf", files: { "google/__init__.py": "" } });
      assert.partialDeepStrictEqual(result, { protobuf: ["runtime", "runtime", "7.36.2"], rpc: "runtime" });
    });

    test("all versions that are listed begin with those that count", async (t) => {
      const task = `
import importlib.metadata as m
def run():
    print([d.version for d in m.distributions() if d.metadata["Name"] == "protobuf"])
    print([d.version for d in m.distributions(path=[__import__("os").environ["PYTHONPATH"]]) if d.metadata["Name"] == "protobuf"])
`;
      const { stdout } = await run(t, { mode: "route=protobuf", task });
      const [all = "", own] = stdout.split("\n");
      assert.match(all, /^\['7\.36\.2', /u);
      assert.equal(own, "['3.20.3']");
    });

    test("the arguments are those of a0, and the programs' directory is not on the module path", async (t) => {
      const task = `
import sys
def run():
    print(sys.argv, any("programs" in each for each in sys.path))
`;
      const options = { mode: "append", task, arguments: ["--inputs", "s3://x", "--append"] };
      const wanted = "['a0', 'task', '--inputs', 's3://x', '--append'] False\n";
      assert.equal((await run(t, options)).stdout, wanted);
      assert.equal((await run(t, { ...options, env: { PYTHONSAFEPATH: "1" } })).stdout, wanted);
    });

    test("the exit code is a0's", async (t) => {
      assert.equal((await run(t, { mode: "append", task: "def run(): return 3" })).status, 3);
      assert.equal((await run(t, { mode: "append", task: "def run(): return None" })).status, 0);
    });

    test("a traceback has one frame more than that of an installed a0", async (t) => {
      const { status, stderr } = await run(t, {
        mode: "prepend",
        task: "def run(): raise ValueError('mine')",
      });
      assert.equal(status, 1);
      const frames = [...stderr.matchAll(/File "(.+?)", line \d+, in (\S+)/gu)].map(
        ([, file = "", name]) => `${file.split("/").at(-1)} ${name}`,
      );
      assert.deepEqual(frames, ["boot.py <module>", "boot.py main", "runtime.py main", "task.py run"]);
      assert.doesNotMatch(stderr, /During handling|RuntimeFinder/u);
      assert.match(stderr, /ValueError: mine\n$/u);
    });

    test("certificate authorities are brought only where the image has none", async (t) => {
      const directory = await temporaryDirectory(t);
      const bundle = join(directory, "certifi/cacert.pem");
      await writeFiles(directory, { "certifi/cacert.pem": "" });
      const program = `
import boot, os, sys
boot.AUTHORITIES = sys.argv[2:]
boot.bring_authorities(sys.argv[1])
print(os.environ.get("SSL_CERT_FILE"))
`;
      const seen = (own: readonly string[], env: NodeJS.ProcessEnv = {}) =>
        spawnSync(python, ["-B", "-c", program, directory, ...own], {
          cwd: PROGRAMS,
          encoding: "utf8",
          env: { PATH: process.env["PATH"], ...env },
        }).stdout.trim();
      assert.equal(seen(["/nowhere/ca.crt"]), bundle);
      assert.equal(seen([bundle]), "None");
      assert.equal(seen([], { SSL_CERT_FILE: "/nowhere/ca.crt" }), bundle);
      assert.equal(seen([], { SSL_CERT_DIR: directory }), "None");
    });

    test("a missing module is reported as in any Python", async (t) => {
      const { stderr } = await run(t, { mode: "prepend", task: "import no_such\ndef run(): pass" });
      assert.match(stderr, /ModuleNotFoundError: No module named 'no_such'\n$/u);
    });

    test("a Python that the task starts sees nothing of it, unless it is told", async (t) => {
      const task = `
import os, subprocess, sys
def run():
    code = "import boxkite_te; print(boxkite_te.where); import boxkite_missing"
    for env in {}, {"PYTHONPATH": os.environ["RUNTIME"] + "/runtime/packages"}:
        end = subprocess.run([sys.executable, "-c", code], env={**os.environ, **env}, capture_output=True, text=True)
        print(end.returncode, end.stdout.strip(), end.stderr.strip().split("\\n")[-1])
`;
      const { stdout } = await run(t, { mode: "prepend", task });
      assert.deepEqual(stdout.split("\n"), [
        "1 image ModuleNotFoundError: No module named 'boxkite_missing'",
        "0 runtime ",
        "",
      ]);
    });

    for (const method of ["spawn", "forkserver", "fork"]) {
      for (const [mode, where] of [
        ["append", "image"],
        ["route=protobuf", "runtime"],
      ] as const) {
        test(`${mode}: a process that multiprocessing makes by ${method} finds the same modules`, async (t) => {
          const task = `
import multiprocessing, sys
def work(n):
    import boxkite_te, boxkite_missing, google.protobuf, google.rpc.status_pb2
    return [n, boxkite_te.where, boxkite_missing.where, google.protobuf.where, google.rpc.status_pb2.where, sys.argv[0]]
def run():
    with multiprocessing.get_context("${method}").Pool(2) as pool:
        print(pool.map(work, [1]))
`;
          const { stdout, stderr } = await run(t, { mode, task });
          assert.equal(stdout, `[[1, 'image', 'runtime', '${where}', 'runtime', 'a0']]\n`, stderr);
        });
      }
    }
  });
}
