/**
 * The page's "Remote Builder": two bases that know nothing of Flyte, adapted by the server's own image
 * builder, with the page's own files and the stock Python SDK. The engine says what ran where.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import {
  engineOutput,
  insecureRegistryEnv,
  listImages,
  missingEngine,
  removeImagesNamed,
  removeImagesOf,
  watchContainers,
  type SeenContainer,
} from "../helpers/engine.ts";
import { missingPage, pageFiles } from "../helpers/page.ts";
import { missingRegistry, startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { clientConfig, startServer, type TestServer } from "../helpers/server.ts";
import { runProgram, stockPython, succeeded, writeProgram } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";
import { writeStandInWheel } from "../helpers/wheels.ts";

const ENGINE = "podman";
/** A label of the bases, which images built on them inherit. */
const LABEL = `boxkite.test=page-${process.pid}`;
const MANIFESTS =
  "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json";
const skip = missingPage() ?? missingRegistry() ?? missingEngine(ENGINE);

suite("the page's remote builder on podman", { skip: skip ?? false }, () => {
  let scratch = "";
  let python = "";
  let registry: TestRegistry;
  let env: NodeJS.ProcessEnv = {};
  let program = "";
  let server: TestServer;

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "boxkite-page-"));
    python = stockPython();
    registry = await startRegistry(join(scratch, "registry"));
    env = await insecureRegistryEnv(scratch, registry.host);
    await writeStandInWheel(python, join(scratch, "wheels"), "torch", "2.1.2+cpu");
    program = join(scratch, "remote_builder");
    await writeProgram(program, files());
    for (const [folder, name] of [
      ["data_prep", "data-prep-base"],
      ["training", "training-base"],
    ] as const) {
      const image = `${registry.host}/${name}:latest`;
      const wheels = `${join(scratch, "wheels")}:/opt/wheels:ro`;
      const file = join(program, folder, "Dockerfile");
      await engineOutput(
        ENGINE,
        [
          "build",
          "--pull=never",
          "--label",
          LABEL,
          "-v",
          wheels,
          "-f",
          file,
          "-t",
          image,
          join(program, folder),
        ],
        env,
      );
      await engineOutput(ENGINE, ["push", image], env);
    }
    server = await startServer(
      { after: (end: () => unknown) => cleanups.push(end) } as unknown as TestContext,
      {
        // What each container is started with is compared: none is made ahead of its action.
        args: ["--engine", ENGINE, "--ephemeral", "--warm-starts", "off"],
        env,
      },
    );
    await writeFile(server.config, clientConfig(server.port, "remote"));
  });
  const cleanups: (() => unknown)[] = [];

  after(async () => {
    for (const end of cleanups.toReversed()) await end();
    await registry?.stop();
    await removeImagesOf(ENGINE, LABEL);
    await rm(scratch, { recursive: true, force: true });
  });

  function files(): Record<string, string> {
    const cut = pageFiles("remote_builder", {
      "<your-registry>": registry.host,
      "<your-org>": "acme",
      "<your-image>": "adapted",
    });
    assert.deepEqual(Object.keys(cut).toSorted(), [
      "data_prep/Dockerfile",
      "main.py",
      "tasks/envs.py",
      "tasks/tasks.py",
      "training/Dockerfile",
    ]);
    return { ...cut, "tasks/__init__.py": "" };
  }

  /** The page's entry point with its development lines in force, and the import that they need. */
  function development(): string {
    const lines = (files()["main.py"] ?? "").split("\n");
    const from = lines.findIndex((line) => line.includes("# Development"));
    const to = lines.findIndex((line) => line.includes("# Production"));
    const uncommented = lines.slice(from + 1, to).map((line) => line.replace(/^( +)# /u, "$1"));
    return [...lines.slice(0, from), "    from tasks.tasks import prepare", ...uncommented].join("\n");
  }

  /** Its production lines, with the import that is needed to have tasks to deploy. */
  function production(): string {
    return (files()["main.py"] ?? "").replace(
      "    from tasks.envs import env_data, env_train\n",
      "    from tasks.envs import env_data, env_train\n    import tasks.tasks\n",
    );
  }

  /** All images of this test in the engine, with the unnamed layers of its cache. */
  const imagesHere = () => listImages(ENGINE, ["--all", "--quiet", "--filter", `label=${LABEL}`]);

  const client = (command: string, args: readonly string[], cwd = program) =>
    runProgram(command, args, { cwd, env: { FLYTECTL_CONFIG: server.config, ...env }, timeoutMs: 500_000 });

  async function run(changes: Record<string, string>) {
    await rm(program, { recursive: true, force: true });
    await writeProgram(program, { ...files(), ...changes });
    const containers = watchContainers(ENGINE);
    const result = await client(python, ["main.py"]);
    const url = result.stdout.split("\n").find((line) => line.startsWith("http")) ?? "";
    const name = url.trim().split("/").at(-1) ?? "";
    const seen = [...(await containers.stop()).values()].filter((container) => container.run === name);
    // The SDK names a failed build but not the reason.
    const build = /Build failed .*runs\/(\w+)/u.exec(result.stderr)?.[1];
    assert.equal(build, undefined, build && `${await errorOf(build)}\n${server.log()}`);
    return { result: succeeded(result), name, seen };
  }

  async function outputs(name: string): Promise<unknown[]> {
    await writeProgram(scratch, {
      "outcome.py": `
import sys, json, flyte
from flyte.remote import Run
flyte.init_from_config(sys.argv[1])
run = Run.get(sys.argv[2])
run.wait(quiet=True)
run.raise_for_status() if hasattr(run, "raise_for_status") else None
print(json.dumps(list(run.outputs())))
`,
    });
    const result = succeeded(
      await client(python, [join(scratch, "outcome.py"), server.config, name], scratch),
    );
    return JSON.parse(result.stdout.trim().split("\n").at(-1) ?? "") as unknown[];
  }

  /** The message of a failed run, as the SDK has it. */
  async function errorOf(name: string): Promise<string> {
    await writeProgram(scratch, {
      "failed.py": `
import sys, flyte
from flyte.remote import Run
flyte.init_from_config(sys.argv[1])
print(Run.get(sys.argv[2]).details().action_details.error_info.message)
`,
    });
    const result = await client(python, [join(scratch, "failed.py"), server.config, name], scratch);
    return succeeded(result).stdout;
  }

  const of = (seen: readonly SeenContainer[], task: string): SeenContainer => {
    const [container] = seen.filter((one) => one.taskModule.endsWith(`instance ${task}`));
    assert.ok(container, `no container of ${task} was seen`);
    return container;
  };
  const variable = (container: SeenContainer, name: string) =>
    container.env.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1);

  test("the page's main.py as it is: both images are built, and no task is sent", async () => {
    await run({});
    const listed = succeeded(await client(join(python, "../flyte"), ["-c", server.config, "get", "task"]));
    assert.doesNotMatch(listed.stdout, /prepare|train/u);
    const catalog = (await (await fetch(`http://${registry.host}/v2/acme/adapted/tags/list`)).json()) as {
      tags: string[];
    };
    assert.equal(catalog.tags.length, 2);
    // The SDK reports success; the server's log has a warning and what to do.
    await until(async () =>
      /nothing uses an image yet .*import the module with the tasks/u.test(server.log()),
    );
  });

  let adapted: SeenContainer | undefined;

  test("decision matrix, teams hand off a base: each task runs in its team's, adapted", async () => {
    const { name, seen } = await run({ "main.py": development() });
    assert.deepEqual(await outputs(name), [11]);
    const prepare = of(seen, "prepare");
    const train = of(seen, "train");
    adapted = train;
    // Each by its own digest, by which the registry knows it.
    assert.notEqual(prepare.imageDigest, train.imageDigest);
    for (const { imageDigest } of [prepare, train]) {
      const manifest = `http://${registry.host}/v2/acme/adapted/manifests/${imageDigest}`;
      assert.equal((await fetch(manifest, { method: "HEAD", headers: { accept: MANIFESTS } })).status, 200);
    }
    assert.equal(prepare.workingDir, "/app");
    assert.equal(variable(prepare, "PYTHONPATH"), "/app");
    assert.match(variable(prepare, "PATH") ?? "", /^\/opt\/conda\/bin:/u);
    assert.equal(train.workingDir, "/workspace");
    assert.equal(variable(train, "PYTHONPATH"), "/workspace");
    // $PATH is the base's own value, preceded by the environment that was not activated.
    assert.match(variable(train, "PATH") ?? "", /^\/opt\/venv\/bin:\/usr\/local\/bin:/u);
    const which = await engineOutput(ENGINE, [
      "run",
      "--rm",
      "--network=none",
      train.imageId,
      "sh",
      "-c",
      "command -v python; command -v a0",
    ]);
    assert.deepEqual(which.split("\n"), ["/opt/venv/bin/python", "/opt/venv/bin/a0"]);
  });

  test("decision matrix, a code change without a rebuild: the same images, a new result", async () => {
    assert.ok(adapted, "no image was adapted before");
    const before = await imagesHere();
    const changed = (files()["tasks/tasks.py"] ?? "").replace(
      "float(len(processed))",
      "float(len(processed)) + 31",
    );
    const second = await run({ "main.py": development(), "tasks/tasks.py": changed });
    assert.deepEqual(await outputs(second.name), [42]);
    assert.equal(of(second.seen, "train").imageId, adapted.imageId);
    assert.deepEqual(await imagesHere(), before);
  });

  test("the same bases run as they are: nothing is built, and each task has its team's interpreter and WORKDIR", async () => {
    const before = await imagesHere();
    const environments = `
import flyte
env_train = flyte.TaskEnvironment(name="training", image="${registry.host}/training-base:latest")
env_data = flyte.TaskEnvironment(name="data-prep", image="${registry.host}/data-prep-base:latest", depends_on=[env_train])
`;
    const { name, seen } = await run({ "main.py": development(), "tasks/envs.py": environments });
    assert.deepEqual(await outputs(name), [11]);
    const prepare = of(seen, "prepare");
    const train = of(seen, "train");
    assert.deepEqual([prepare.workingDir, train.workingDir], ["/app", "/workspace"]);
    for (const [{ imageDigest }, base] of [
      [prepare, "data-prep-base"],
      [train, "training-base"],
    ] as const) {
      const manifest = `http://${registry.host}/v2/${base}/manifests/${imageDigest}`;
      assert.equal((await fetch(manifest, { method: "HEAD", headers: { accept: MANIFESTS } })).status, 200);
    }
    const page = await (
      await fetch(`http://localhost:${server.port}/v2/domain/development/project/flytesnacks/runs/${name}`)
    ).text();
    assert.match(page, /flyte 2\.12\.1 is mounted/u);
    assert.deepEqual(await imagesHere(), before);
  });

  test("decision matrix, Python in an unusual location: .with_commands() puts it on PATH before Flyte uses it", async () => {
    const base = `${registry.host}/odd-base:latest`;
    const folder = join(scratch, "odd");
    await writeProgram(folder, {
      // A location that a task or a build step does not find by itself.
      Dockerfile: `FROM docker.io/library/python:3.11-slim
RUN mkdir -p /srv/team && mv /usr/local /srv/team/python && mkdir -p /usr/local/bin \\
    && echo /srv/team/python/lib > /etc/ld.so.conf.d/team.conf && ldconfig
WORKDIR /data
`,
      "odd.py": `
import sys, flyte
image = flyte.Image.from_base("${base}").clone(name="acme/odd", registry="${registry.host}", extendable=True)
if sys.argv[2:] == ["mended"]:
    image = image.with_commands([f"ln -s /srv/team/python/bin/{name} /usr/local/bin/" for name in ("python", "a0")])
image = image.with_pip_packages("flyte==2.12.1").with_code_bundle()
env = flyte.TaskEnvironment(name="odd", image=image)

@env.task
async def where(x: int) -> str:
    return f"{sys.prefix} {flyte.__file__}"

if __name__ == "__main__":
    flyte.init_from_config(sys.argv[1])
    run = flyte.run(where, x=1)
    run.wait(quiet=True)
    run.raise_for_status()
    print(run.outputs()[0])
`,
    });
    await engineOutput(
      ENGINE,
      ["build", "--pull=never", "--label", LABEL, "-f", join(folder, "Dockerfile"), "-t", base, folder],
      env,
    );
    await engineOutput(ENGINE, ["push", base], env);
    const refused = await client(python, ["odd.py", server.config], folder);
    assert.notEqual(refused.code, 0);
    const error = await errorOf(/runs\/(\w+)/u.exec(refused.stdout + refused.stderr)?.[1] ?? "");
    assert.match(
      error,
      /^image \S+odd:\S+ was not built: layer 1 \(pip packages\): \S+odd-base:latest has no python on its PATH/u,
    );
    assert.match(error, /hint: .*with_env_vars/u);
    const { stdout } = succeeded(await client(python, ["odd.py", server.config, "mended"], folder));
    assert.match(
      stdout,
      /^\/srv\/team\/python \/srv\/team\/python\/lib\/python3\.11\/site-packages\/flyte\//mu,
    );
  });

  test("uv run main.py, as the page says", async () => {
    await rm(program, { recursive: true, force: true });
    await writeProgram(program, { ...files(), "main.py": development() });
    const result = succeeded(
      await runProgram(join(python, "../uv"), ["run", "main.py"], {
        cwd: program,
        env: { FLYTECTL_CONFIG: server.config, ...env, UV_SYSTEM_CERTS: "1", UV_NATIVE_TLS: "1" },
        timeoutMs: 500_000,
      }),
    );
    const url = result.stdout.split("\n").find((line) => line.startsWith("http")) ?? "";
    assert.deepEqual(await outputs(url.trim().split("/").at(-1) ?? ""), [11]);
  });

  test("decision matrix, self-contained production images: pulled, and run without the sources", async () => {
    await run({ "main.py": production() });
    const listed = succeeded(await client(join(python, "../flyte"), ["-c", server.config, "get", "task"]));
    assert.match(listed.stdout, /data-prep\.prepare/u);
    // Now only the registry has the images.
    await removeImagesNamed(ENGINE, [`${registry.host}/acme/adapted`]);
    await rm(program, { recursive: true, force: true });
    await writeProgram(program, {
      "remote.py": `
import sys, flyte, flyte.remote
flyte.init_from_config(sys.argv[1])
run = flyte.run(flyte.remote.Task.get("data-prep.prepare", version="3.0.0"), raw="Hello World")
run.wait()
print(run.name, run.outputs()[0])
`,
    });
    const containers = watchContainers(ENGINE);
    const result = succeeded(await client(python, ["remote.py", server.config]));
    const [name, output] = (result.stdout.trim().split("\n").at(-1) ?? "").split(" ");
    const seen = [...(await containers.stop()).values()].filter((container) => container.run === name);
    assert.equal(output, "11.0");
    for (const task of ["prepare", "train"]) {
      const container = of(seen, task);
      assert.ok(!container.command.includes("--tgz"), "no code is sent");
      assert.match(container.imageDigest, /^sha256:/u);
    }
  });

  test("a step that fails names itself and ends the build", async () => {
    await rm(program, { recursive: true, force: true });
    const envs = (files()["tasks/envs.py"] ?? "").replace(
      "/opt/venv/bin/pip install flyte",
      "/opt/venv/bin/pip install no-such-package-anywhere",
    );
    await writeProgram(program, { ...files(), "main.py": development(), "tasks/envs.py": envs });
    const result = await client(python, ["main.py"]);
    assert.notEqual(result.code, 0);
    // The SDK names the build's run; its log and error name the step, pip's message, and what to change.
    const run = /runs\/(\w+)/u.exec(result.stdout + result.stderr)?.[1] ?? "";
    const logs = succeeded(await client(join(python, "../flyte"), ["-c", server.config, "get", "logs", run]));
    assert.match(logs.stdout, /no-such-package-anywhere/u);
    assert.match(await errorOf(run), /no-such-package-anywhere[\s\S]*hint/u);
  });
});
