/**
 * Two teams' images on a real Docker daemon with the stock Python SDK: pulled from a registry by digest, each task in
 * its own, as docker's command line shows it; a base that the server adapts; and from where the server can be reached.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import { startDocker } from "../helpers/dockerd.ts";
import { engineCommand, engineOutput, watchContainers, type SeenContainer } from "../helpers/engine.ts";
import { missingRegistry, startRegistry, type TestRegistry } from "../helpers/registry.ts";
import {
  BOXKITE,
  clientConfig,
  startServer,
  temporaryDirectory,
  type TestServer,
} from "../helpers/server.ts";
import { FLYTE, runProgram, stockPython, succeeded, writeProgram } from "../helpers/stock-sdk.ts";
import { WarmRuns } from "../helpers/warm-runs.ts";

/** With the stock runtime in it. */
const RUNTIME = "ghcr.io/flyteorg/flyte:py3.11-v2.12.1";
const PYTHON_310 = "docker.io/library/python:3.10-slim";

const docker = await startDocker([RUNTIME, PYTHON_310]);
after(() => docker.stop());
const skip = missingRegistry() ?? docker.missing ?? false;

const FILES = {
  "data_prep/Dockerfile": `FROM ${RUNTIME}
USER root
WORKDIR /app
COPY workflow_code /app/workflow_code
ENV PYTHONPATH=/app
`,
  "training/Dockerfile": `FROM ${PYTHON_310}
RUN pip install --no-cache-dir --no-compile ${FLYTE}
WORKDIR /workspace
COPY workflow_code /workspace/workflow_code
ENV PYTHONPATH=/workspace
`,
  "workflow_code/__init__.py": "",
  "workflow_code/tasks.py": `import flyte

training = flyte.TaskEnvironment(name="training", image=flyte.Image.from_ref_name("training"))
data_prep = flyte.TaskEnvironment(
    name="data-prep", image=flyte.Image.from_ref_name("data-prep"), depends_on=[training]
)

@training.task
async def train(processed: str) -> float:
    return float(len(processed))

@data_prep.task
async def prepare(raw: str) -> float:
    return await train(raw.strip().lower())
`,
  "main.py": `import sys

import flyte
from workflow_code.tasks import prepare

config, registry = sys.argv[1:]
names = ("data-prep", "training")
flyte.init_from_config(config, images=tuple(f"{name}={registry}/{name}:latest" for name in names))
run = flyte.with_runcontext(copy_style="none", version="1").run(prepare, raw=" Hello World ")
run.wait(quiet=True)
run.raise_for_status()
print(run.name, run.outputs()[0])
`,
  "adapted.py": `import os, sys

import flyte

image = (
    flyte.Image.from_base("${RUNTIME}")
    .clone(name="team/adapted", extendable=True)
    .with_commands(["echo adapted > /adapted"])
    .with_env_vars({"TEAM": "data"})
)
env = flyte.TaskEnvironment(name="adapted", image=image)

@env.task
async def where(x: int) -> str:
    return os.environ["TEAM"] + " " + open("/adapted").read().strip()

if __name__ == "__main__":
    flyte.init_from_config(sys.argv[1])
    run = flyte.run(where, x=1)
    run.wait(quiet=True)
    run.raise_for_status()
    print(run.name, run.outputs()[0])
`,
} as const;

suite("two teams' images on docker", { skip, timeout: 900_000 }, () => {
  let scratch = "";
  let registry: TestRegistry;
  const cli = (...args: string[]) => engineOutput("docker", args, docker.env);
  const up = (t: TestContext): Promise<TestServer> =>
    startServer(t, { args: ["--engine", "docker", "--ephemeral"], env: docker.env });

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "boxkite-docker-"));
    registry = await startRegistry(join(scratch, "registry"));
    await writeProgram(scratch, FILES);
  });
  after(async () => {
    await registry?.stop();
    await rm(scratch, { recursive: true, force: true });
  });

  /** Builds as the team does, and keeps the image in the registry only. Returns its digest there. */
  async function publish(folder: "data_prep" | "training", name: string): Promise<string> {
    const reference = `${registry.host}/${name}:latest`;
    // On this machine's network: the test's daemon has no other route to the internet.
    const file = join(scratch, folder, "Dockerfile");
    await cli("build", "--quiet", "--network=host", "--file", file, "--tag", reference, scratch);
    const said = await cli("push", reference);
    await cli("image", "rm", reference);
    return /digest: (sha256:[0-9a-f]{64})/u.exec(said)?.[1] ?? assert.fail(said);
  }

  /** The program's run and its output, and the run's containers. */
  async function run(...args: string[]) {
    const containers = watchContainers("docker", docker.env);
    const result = await runProgram(stockPython(), args, { cwd: scratch, timeoutMs: 300_000 });
    const seen = [...(await containers.stop()).values()];
    const [name = "", ...output] = (succeeded(result).stdout.trim().split("\n").at(-1) ?? "").split(" ");
    return { output: output.join(" "), seen: seen.filter((container) => container.run === name) };
  }

  const pythonOf = (image: string) =>
    cli("run", "--rm", "--network=none", "--entrypoint=python", image, "--version");

  test("each task runs in its own team's image, pulled by digest", async (t) => {
    const [dataPrep, training] = await Promise.all([
      publish("data_prep", "data-prep"),
      publish("training", "training"),
    ]);
    const server = await up(t);
    assert.match(server.ready.engine, /^docker \d/u);
    const { output, seen } = await run("main.py", server.config, registry.host);
    assert.equal(output, "11.0");
    assert.equal(seen.length, 2);
    const of = (task: string): SeenContainer =>
      seen.find(({ taskModule }) => taskModule.endsWith(`instance ${task}`)) ?? assert.fail(task);
    for (const [task, image, digest, workingDir, python] of [
      ["prepare", "data-prep", dataPrep, "/app", /^Python 3\.11\./u],
      ["train", "training", training, "/workspace", /^Python 3\.10\./u],
    ] as const) {
      const container = of(task);
      assert.deepEqual([container.imageDigest, container.workingDir], [digest, workingDir]);
      assert.match(await pythonOf(container.imageId), python);
      assert.deepEqual(container.mounts, []);
      const names = await cli("image", "inspect", "--format", "{{.RepoDigests}}", container.imageId);
      assert.ok(names.includes(`${registry.host}/${image}@${digest}`), names);
    }
  });

  test("the server adapts a base with BuildKit, and runs what stays in the engine", async (t) => {
    const server = await up(t);
    await writeProgram(scratch, { "remote.yaml": clientConfig(server.port, "remote") });
    const { output, seen } = await run("adapted.py", "remote.yaml");
    assert.equal(output, "data adapted");
    const [container] = seen;
    const names = await cli("image", "inspect", "--format", "{{.RepoTags}}", container?.imageId ?? "");
    assert.match(names, /localhost\/team\/adapted:/u);
  });

  test("attempts start in workers, the root of the next run too", async (t) => {
    const args = ["--engine", "docker", "--ephemeral", "--warm-starts", "one-shot"];
    const server = await startServer(t, { args, env: docker.env });
    const runs = await WarmRuns.of(server, await temporaryDirectory(t), RUNTIME);
    assert.equal((await runs.next("one-shot"))[0], undefined);
    await runs.isReady();
    const [root, ...children] = await runs.next("one-shot");
    assert.equal(root?.mode, "one_shot");
    assert.ok(children.some((child) => child?.mode === "one_shot"));
    const forked = await runs.next("fork");
    assert.ok(forked.some((each) => each?.mode === "fork"));
  });

  test("doctor starts a container, and says what to do without BuildKit", async () => {
    interface Found {
      readonly name: string;
      readonly ok: boolean;
      readonly text: string;
      readonly advice: readonly { readonly what: string; readonly hint: string }[];
    }
    const check = async (env: NodeJS.ProcessEnv): Promise<Found> => {
      const { stdout } = await runProgram(process.execPath, [BOXKITE, "doctor", "--json"], {
        cwd: scratch,
        env: { ...docker.env, ...env },
      });
      const findings = stdout
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Found);
      return findings.find(({ name }) => name === "docker") ?? assert.fail(stdout);
    };
    const found = await check({});
    assert.ok(found.ok, found.text);
    assert.match(found.text, /^docker \S+ \(DOCKER_HOST\): cgroups v[12], storage \w+;/u);
    assert.match(found.text, /a container reached this machine at \d+\.\d+\.\d+\.1;/u);
    assert.match(found.text, /builds with docker \S+ \((buildkit|buildx)\)$/u);

    const classic = await check({ DOCKER_BUILDKIT: "0" });
    assert.ok(classic.ok);
    const advice = classic.advice.find(({ what }) => /classic builder/u.test(what));
    assert.match(advice?.hint ?? "", /docker-buildx/u);
  });

  test("the server is reached through the bridge, not at this machine's other addresses", async (t) => {
    const server = await up(t);
    const { value: probe } = await server.events[Symbol.asyncIterator]().next();
    const { endpoint, ...rest } = probe as { readonly endpoint: string };
    assert.deepEqual(rest, { event: "probe", ok: true });
    // Of a network of the server's own.
    assert.match(endpoint, new RegExp(`^\\d+\\.\\d+\\.\\d+\\.1:${server.port}$`, "u"));
    const fromContainer = (host: string) => {
      const ask = `import urllib.request; print(urllib.request.urlopen("http://${host}:${server.port}/healthz", timeout=5).read().decode())`;
      return engineCommand(
        "docker",
        ["run", "--rm", "--entrypoint=python", PYTHON_310, "-c", ask],
        docker.env,
      );
    };
    assert.match((await fromContainer(docker.gateway)).stdout, /ok/u);
    const lan = Object.entries(networkInterfaces())
      .filter(([name]) => !/^(lo|podman|docker|cni|veth)/u.test(name))
      .flatMap(([, addresses]) => addresses ?? [])
      .find(({ family, internal }) => family === "IPv4" && !internal);
    if (lan !== undefined) assert.notEqual((await fromContainer(lan.address)).code, 0);
  });
});
