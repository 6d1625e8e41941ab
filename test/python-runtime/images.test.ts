/** Images without flyte: the fit, and then an action that is run as the fit says, locked down. */
import assert from "node:assert/strict";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { NO_POLICY } from "../../src/executors/container/confinement.ts";
import { findEngine, type FoundEngine } from "../../src/containers/find.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { runtimeStartOf } from "../../src/python-runtime/runtime-start.ts";
import { addBytecode } from "../../src/python-runtime/bytecode.ts";
import { findFit } from "../../src/python-runtime/find-fit.ts";
import { createImageRunner } from "../../src/executors/container/image-runner.ts";
import { placePrograms } from "../../src/python-runtime/programs.ts";
import type { PythonRuntime } from "../../src/python-runtime/runtime-store.ts";
import { readZip } from "../../src/python-runtime/zip.ts";
import { engineCommand, engineOutput, missingEngine, removeImagesNamed } from "../helpers/engine.ts";
import { temporaryDirectory } from "../helpers/server.ts";
import { ARCH, STORE_DIRECTORY, testStore } from "./test-store.ts";

const BASE = "docker.io/library/python:3.11-slim";
const PREFIX = "localhost/boxkite-python-runtime";
const INSTANCE = "test-python-runtime";

interface Case {
  readonly what: string;
  readonly build: string;
  readonly interpreter?: string;
  readonly fit: object;
  /** The versions that the task has; absent where nothing runs. */
  readonly versions?: Readonly<Record<string, RegExp>>;
}

const CASES: readonly Case[] = [
  {
    what: "a virtual environment off PATH",
    build: "RUN python3 -m venv /opt/venv && /opt/venv/bin/pip install -q idna==3.7\nUSER 1000",
    interpreter: "/opt/venv/bin/python",
    fit: { kind: "append" },
    versions: { idna: /^3\.7$/u },
  },
  {
    what: "pydantic 1 and protobuf 3",
    build: "RUN pip install -q pydantic==1.10.27 protobuf==3.20.3 idna==3.7",
    fit: { kind: "route", packages: ["protobuf", "pydantic"] },
    versions: { pydantic: /^2\./u, protobuf: /^7\./u, idna: /^3\.7$/u },
  },
  {
    what: "a rich that is too old for what flyte does not declare",
    build: "RUN pip install -q rich==10.16.2 idna==3.7",
    fit: { kind: "prepend" },
    versions: { rich: /^15\./u, idna: /^3\.[1-9]\d/u },
  },
  {
    what: "a Python without ssl",
    build: `RUN python3 -c "import os, ssl; os.remove(ssl.__file__)"`,
    fit: { kind: "refuse" },
  },
];

const TASK = `
import flyte, sys
from importlib.metadata import version
env = flyte.TaskEnvironment(name="e", image="x")
@env.task
async def seen() -> str:
    for name in "pydantic", "protobuf", "rich", "idna":
        print(f"version {name}={version(name)}")
    cached = sys.modules["flyte"].__spec__.cached
    print("compiled", cached is not None and __import__("os").path.exists(cached))
    return "ok"
`;

const A0 = [
  ["--inputs", "/io/inputs.pb"],
  ["--outputs-path", "/io/out"],
  ["--run-base-dir", "/io"],
  ["--version", "1"],
  ["--name", "a0"],
  ["--run-name", "r"],
  ["--project", "p"],
  ["--domain", "d"],
  ["--org", "o"],
  ["--resolver", "flyte._internal.resolvers.default.DefaultTaskResolver"],
  ["mod", "task", "instance", "seen"],
].flat();

suite("images without flyte", { skip: missingEngine("podman") }, () => {
  let engine: FoundEngine;
  let runtime: PythonRuntime;
  let programs: string;

  before(async () => {
    engine = await findEngine({ preference: "podman", log: silentLogger });
    runtime = await testStore().fetch({ python: "3.11", libc: "glibc", arch: ARCH });
    programs = await placePrograms(STORE_DIRECTORY, systemClock);
  });

  after(async () => {
    await removeImagesNamed("podman", [PREFIX]);
    await engine.close();
  });

  for (const [index, { what, build, interpreter, fit: wanted, versions }] of CASES.entries()) {
    test(what, async (t) => {
      const directory = await temporaryDirectory(t);
      const image = `${PREFIX}-${index}:latest`;
      await writeFile(join(directory, "Containerfile"), `FROM ${BASE}\n${build}\n`);
      await engineOutput("podman", ["build", "-q", "--network", "host", "-t", image, directory]);
      const { id = "" } = (await engine.api.inspectImage(image)) ?? {};
      const path = interpreter ?? "/usr/local/bin/python3";
      const found = await findFit({
        run: createImageRunner({
          api: engine.api,
          image,
          interpreter: path,
          info: await engine.api.info(),
          policy: NO_POLICY,
          instance: INSTANCE,
          clock: systemClock,
        }),
        directories: { runtime: runtime.directory, programs },
        packages: runtime.packages,
      });
      assert.partialDeepStrictEqual(found.fit, wanted);
      assert.deepEqual(await engine.api.listContainers(["dev.boxkite.test=python-runtime"]), []);
      if (versions === undefined) {
        assert.match(JSON.stringify(found.fit), /No module named 'ssl'/u);
        return;
      }

      const archive = found.bytecode ?? Buffer.alloc(0);
      const compiled = readZip(archive).map(({ name }) => name.split("/")[0]);
      assert.ok(compiled.includes("flyte"));
      // check.py does not compare them.
      for (const notLoaded of [
        "asyncssh",
        "cryptography",
        "keyring",
        "sentry_sdk",
        "OpenSSL",
        "importlib_metadata",
      ])
        assert.ok(!compiled.includes(notLoaded), notLoaded);

      const directories = { runtime: await addBytecode(runtime, id, archive, systemClock), programs };
      const start = runtimeStartOf(path, directories, found.fit);
      assert.ok(start);
      await mkdir(join(directory, "out"));
      await chmod(join(directory, "out"), 0o777);
      await writeFile(join(directory, "inputs.pb"), "");
      await mkdir(join(directory, "code"));
      await writeFile(join(directory, "code/task.py"), TASK);
      await chmod(directory, 0o755);
      const options = [
        ["--read-only", "--read-only-tmpfs=false", "--user", "12345", "--cap-drop", "ALL"],
        ["--network", "none", "--security-opt", "no-new-privileges"],
        ...start.mounts.map(({ source, target }) => ["-v", `${source}:${target}:ro`]),
        ["-v", `${directory}:/io`, "-w", "/io/code"],
        ["-e", "_U_EP_OVERRIDE=localhost:9", "-e", "_U_INSECURE=1"],
        ["--entrypoint", start.interpreter],
      ].flat();
      const { code, stdout, stderr } = await engineCommand(
        "podman",
        ["run", "--rm", options, image, start.arguments, A0].flat(),
      );
      assert.equal(code, 0, stderr);
      await readFile(join(directory, "out/outputs.pb"));
      const seen = new Map(
        [...stdout.matchAll(/^version (\w+)=(.+)$/gmu)].map(([, name, value]) => [name, value]),
      );
      for (const [name, version] of Object.entries(versions))
        assert.match(seen.get(name) ?? "", version, name);
      assert.match(stdout, /^compiled True$/mu);
    });
  }
});
