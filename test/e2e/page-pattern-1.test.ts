/**
 * The page's "Pure BYOI": its files, extracted from its text, built with the engine's command line, pushed to a real
 * registry, and run with the stock Python SDK. The engine says what ran where.
 */
import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import { tmpdir } from "node:os";
import { mkdtemp } from "node:fs/promises";
import {
  engineOutput,
  insecureRegistryEnv,
  missingEngine,
  watchContainers,
  type SeenContainer,
  removeImagesNamed,
} from "../helpers/engine.ts";
import { missingPage, pageFiles } from "../helpers/page.ts";
import { missingRegistry, startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import {
  runProgram,
  stockPython,
  succeeded,
  writeProgram,
  type ProgramResult,
} from "../helpers/stock-sdk.ts";
import { writeStandInWheel } from "../helpers/wheels.ts";

const ENGINE = "podman";
const skip = missingPage() ?? missingRegistry() ?? missingEngine(ENGINE);

suite("the page's pure BYOI on podman", { skip: skip ?? false }, () => {
  let scratch = "";
  let python = "";
  let registry: TestRegistry;
  let env: NodeJS.ProcessEnv = {};
  let context = "";

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "boxkite-page-"));
    python = stockPython();
    registry = await startRegistry(join(scratch, "registry"));
    env = await insecureRegistryEnv(scratch, registry.host);
    await writeStandInWheel(python, join(scratch, "wheels"), "torch", "2.1.2+cpu");
    context = join(scratch, "pure_byoi");
    await writeProgram(context, programFiles());
    await buildAndPush("data-prep", "latest");
    await buildAndPush("training", "latest");
  });

  after(async () => {
    await registry?.stop();
    if (registry) await removeImagesNamed(ENGINE, [`${registry.host}/`]);
    await rm(scratch, { recursive: true, force: true });
  });

  function programFiles(): Record<string, string> {
    const files = pageFiles("pure_byoi", { "<your-registry>": registry.host });
    assert.deepEqual(Object.keys(files).toSorted(), [
      "data_prep/Dockerfile",
      "main.py",
      "training/Dockerfile",
      "workflow_code/envs.py",
      "workflow_code/tasks.py",
    ]);
    return { ...files, "workflow_code/__init__.py": "" };
  }

  async function buildAndPush(image: "data-prep" | "training", tag: string): Promise<string> {
    const folder = image === "data-prep" ? "data_prep" : "training";
    const name = `${registry.host}/${image}:${tag}`;
    const wheels = `${join(scratch, "wheels")}:/opt/wheels:ro`;
    await engineOutput(
      ENGINE,
      ["build", "--pull=never", "-v", wheels, "-f", `${folder}/Dockerfile`, "-t", name, context].map((arg) =>
        arg === `${folder}/Dockerfile` ? join(context, arg) : arg,
      ),
      env,
    );
    const digestFile = join(scratch, `${image}-${tag}.digest`);
    await engineOutput(ENGINE, ["push", "--digestfile", digestFile, name], env);
    return (await readFile(digestFile, "utf8")).trim();
  }

  /** The digest of the tag in the registry. */
  async function pushedDigest(image: string, tag = "latest"): Promise<string> {
    const response = await fetch(`http://${registry.host}/v2/${image}/manifests/${tag}`, {
      method: "HEAD",
      headers: {
        accept:
          "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json",
      },
    });
    return response.headers.get("docker-content-digest") ?? "";
  }

  // What each container is started with is compared: none is made ahead of its action.
  const up = (t: TestContext): Promise<TestServer> =>
    startServer(t, { args: ["--engine", ENGINE, "--ephemeral", "--warm-starts", "off"], env });

  async function run(
    server: TestServer,
    files: Record<string, string> = {},
    args: readonly string[] = ["main.py"],
  ) {
    await writeProgram(context, { ...programFiles(), ...files });
    const containers = watchContainers(ENGINE);
    let result: ProgramResult;
    try {
      result = await runProgram(python, args, {
        cwd: context,
        env: { FLYTECTL_CONFIG: server.config, ...env },
      });
    } finally {
      await containers.stop();
    }
    const url =
      result.stdout
        .split("\n")
        .find((line) => line.startsWith("http"))
        ?.trim() ?? "";
    const name = url.split("/").at(-1) ?? "";
    const seen = [...(await containers.stop()).values()].filter((container) => container.run === name);
    return { result: succeeded(result), url, name, seen };
  }

  const OUTPUT = `
import sys, json, flyte
from flyte.remote import Action, Run
flyte.init_from_config(sys.argv[1])
run = Run.get(sys.argv[2])
details = run.details().action_details
print(json.dumps({"outputs": list(run.outputs()), "actions": sorted(a.task_name for a in Action.listall(for_run_name=run.name))}))
`;

  async function outcome(
    server: TestServer,
    name: string,
  ): Promise<{ outputs: unknown[]; actions: string[] }> {
    await writeProgram(scratch, { "outcome.py": OUTPUT });
    const result = succeeded(
      await runProgram(python, [join(scratch, "outcome.py"), server.config, name], { cwd: scratch }),
    );
    return JSON.parse(result.stdout.trim().split("\n").at(-1) ?? "") as {
      outputs: unknown[];
      actions: string[];
    };
  }

  const of = (seen: readonly SeenContainer[], task: string): SeenContainer => {
    const [container, ...more] = seen.filter((one) => one.taskModule.endsWith(`instance ${task}`));
    assert.ok(container, `no container of ${task} was seen`);
    assert.deepEqual(more, [], `${task} ran in one container`);
    return container;
  };

  const pythonOf = async (container: SeenContainer) =>
    engineOutput(ENGINE, ["run", "--rm", "--network=none", container.imageId, "python", "--version"]);

  /** The engine, too, knows this image by that digest: the reference was resolved, not just copied. */
  async function assertDigest(container: SeenContainer, image: string, digest: string): Promise<void> {
    assert.equal(container.imageDigest, digest);
    const names = await engineOutput(ENGINE, [
      "image",
      "inspect",
      "--format",
      "{{.RepoDigests}}",
      container.imageId,
    ]);
    assert.ok(names.includes(`${registry.host}/${image}@${digest}`), names);
  }

  async function assertTeams(
    seen: readonly SeenContainer[],
    digests: { prepare: string; train: string },
  ): Promise<void> {
    const prepare = of(seen, "prepare");
    await assertDigest(prepare, "data-prep", digests.prepare);
    assert.equal(prepare.workingDir, "/app");
    assert.match(await pythonOf(prepare), /^Python 3\.11\./u);
    const train = of(seen, "train");
    await assertDigest(train, "training", digests.train);
    assert.equal(train.workingDir, "/workspace");
    assert.match(await pythonOf(train), /^Python 3\.10\./u);
  }

  test("decision matrix, teams own full images: each task runs in its own team's, and nothing is added to it", async (t) => {
    const server = await up(t);
    const { name, url, seen } = await run(server);
    assert.equal(url, `${server.ready.url}/v2/domain/development/project/flytesnacks/runs/${name}`);
    assert.deepEqual(await outcome(server, name), {
      outputs: [11],
      actions: ["data-prep.prepare", "training.train"],
    });
    const digests = { prepare: await pushedDigest("data-prep"), train: await pushedDigest("training") };
    await assertTeams(seen, digests);

    for (const [task, image] of [
      ["prepare", "data-prep"],
      ["train", "training"],
    ] as const) {
      const container = of(seen, task);
      const [config] = JSON.parse(await engineOutput(ENGINE, ["image", "inspect", container.imageId])) as {
        Config: { Env: string[]; User?: string; Entrypoint?: string[]; WorkingDir: string };
      }[];
      assert.ok(config);
      // The image's own environment is unchanged; variables that are added replace none of it.
      for (const variable of config.Config.Env)
        assert.ok(container.env.includes(variable), `${image}: ${variable}`);
      const added = container.env
        .filter((variable) => !config.Config.Env.includes(variable))
        .map((variable) => variable.split("=")[0]);
      for (const name of ["PATH", "PYTHONPATH", "HOME_OVERRIDE", "PYTHONHOME", "LD_PRELOAD"])
        assert.ok(!added.includes(name), name);
      assert.equal(container.user, config.Config.User ?? "");
      assert.deepEqual(container.entrypoint, config.Config.Entrypoint ?? []);
      assert.equal(container.workingDir, config.Config.WorkingDir);
      assert.equal(container.command[0], "a0");
      assert.ok(!container.command.includes("--tgz"), "no code is sent");
      assert.deepEqual(container.mounts, []);
      const ours = container.changes.filter((change) => /boxkite|flyte-rt|bundle/u.test(change));
      assert.deepEqual(ours, []);
    }

    // A check of the check: with the two images swapped, the output is the same and assertTeams fails.
    const swapped = await run(server, {
      "main.py": (programFiles()["main.py"] ?? "")
        .replace(
          `${registry.host}/data-prep:latest"\nTRAINING`,
          `${registry.host}/training:latest"\nTRAINING`,
        )
        .replace(
          `TRAINING_IMAGE = "${registry.host}/training:latest"`,
          `TRAINING_IMAGE = "${registry.host}/data-prep:latest"`,
        ),
    });
    assert.deepEqual((await outcome(server, swapped.name)).outputs, [11]);
    await assert.rejects(assertTeams(swapped.seen, digests), assert.AssertionError);
  });

  test("uv run main.py, as the page says", async (t) => {
    const server = await up(t);
    const uv = join(python, "../uv");
    await writeProgram(context, programFiles());
    const containers = watchContainers(ENGINE);
    const result = await runProgram(uv, ["run", "main.py"], {
      cwd: context,
      env: { FLYTECTL_CONFIG: server.config, ...env, UV_SYSTEM_CERTS: "1", UV_NATIVE_TLS: "1" },
      timeoutMs: 300_000,
    });
    const name = succeeded(result).stdout.trim().split("/").at(-1) ?? "";
    const seen = [...(await containers.stop()).values()].filter((container) => container.run === name);
    assert.deepEqual((await outcome(server, name)).outputs, [11]);
    await assertTeams(seen, {
      prepare: await pushedDigest("data-prep"),
      train: await pushedDigest("training"),
    });
  });

  test("the image tag is the version", async (t) => {
    const server = await up(t);
    const changed = (programFiles()["workflow_code/tasks.py"] ?? "").replace(
      "float(len(processed))",
      "float(len(processed)) + 100",
    );
    assert.notEqual(changed, programFiles()["workflow_code/tasks.py"]);
    const before = await run(server);
    const oldDigest = of(before.seen, "train").imageDigest;

    // Edited, not rebuilt: the code in the image runs.
    const edited = await run(server, { "workflow_code/tasks.py": changed });
    assert.deepEqual((await outcome(server, edited.name)).outputs, [11]);

    // A new tag: the new code; the old run still shows the old digest.
    await writeProgram(context, { "workflow_code/tasks.py": changed });
    const digest = await buildAndPush("training", "v2");
    const main = (programFiles()["main.py"] ?? "").replaceAll("training:latest", "training:v2");
    const tagged = await run(server, { "workflow_code/tasks.py": changed, "main.py": main });
    assert.deepEqual((await outcome(server, tagged.name)).outputs, [111]);
    assert.equal(of(tagged.seen, "train").imageDigest, digest);
    assert.equal(await shownDigest(server, before.name, "training.train"), oldDigest);
    assert.equal(await shownDigest(server, tagged.name, "training.train"), digest);

    // The same tag pushed again: the next run uses the new digest.
    await writeProgram(context, { "workflow_code/tasks.py": changed });
    const moved = await buildAndPush("training", "latest");
    const next = await run(server, { "workflow_code/tasks.py": changed });
    assert.deepEqual((await outcome(server, next.name)).outputs, [111]);
    assert.equal(of(next.seen, "train").imageDigest, moved);
    assert.notEqual(moved, oldDigest);
    await writeProgram(context, programFiles());
    await buildAndPush("training", "latest");
  });

  /** The digest that the server shows for the attempt of a task. */
  async function shownDigest(server: TestServer, run: string, task: string): Promise<string> {
    await writeProgram(scratch, {
      "digest.py": `
import sys, flyte
from flyte.remote import Action, ActionDetails
flyte.init_from_config(sys.argv[1])
for action in Action.listall(for_run_name=sys.argv[2]):
    if action.task_name == sys.argv[3]:
        details = ActionDetails.get(run_name=sys.argv[2], name=action.name)
        for event in details.pb2.attempts[0].cluster_events:
            print(event.message)
`,
    });
    const result = succeeded(
      await runProgram(python, [join(scratch, "digest.py"), server.config, run, task], { cwd: scratch }),
    );
    return /sha256:[0-9a-f]{64}/u.exec(result.stdout)?.[0] ?? result.stdout;
  }

  test("the production lines: deployed twice, listed, run by name and version", async (t) => {
    const server = await up(t);
    const main = programFiles()["main.py"] ?? "";
    const lines = main.split("\n");
    const from = lines.findIndex((line) => line.includes("# Development"));
    const to = lines.findIndex((line) => line.includes("# Production"));
    const production = [
      ...lines.slice(0, from),
      ...lines.slice(to + 1).map((line) => line.replace(/^( +)# (?=from|flyte)/u, "$1")),
    ].join("\n");
    assert.match(production, /\n {4}flyte\.deploy\(env_train, copy_style="none", version="1\.0\.0"\)/u);
    for (let n = 0; n < 2; n++) await run(server, { "main.py": production });
    const flyte = (...args: string[]) =>
      runProgram(join(python, "../flyte"), ["-c", server.config, ...args], { cwd: context });
    const listed = succeeded(await flyte("get", "task")).stdout;
    assert.match(listed, /data-prep\.prepare/u);
    assert.match(listed, /training\.train/u);
    assert.match(succeeded(await flyte("get", "task", "data-prep.prepare", "1.0.0")).stdout, /1\.0\.0/u);

    await writeProgram(scratch, {
      "deployed.py": `
import sys, flyte, flyte.remote
flyte.init_from_config(sys.argv[1])
run = flyte.run(flyte.remote.Task.get("data-prep.prepare", version="1.0.0"), raw="Hello World")
run.wait()
print(run.name, run.outputs()[0])
`,
    });
    const containers = watchContainers(ENGINE);
    const result = succeeded(
      await runProgram(python, [join(scratch, "deployed.py"), server.config], { cwd: scratch }),
    );
    const [name, output] = (result.stdout.trim().split("\n").at(-1) ?? "").split(" ");
    const seen = [...(await containers.stop()).values()].filter((container) => container.run === name);
    assert.equal(output, "11.0");
    await assertTeams(seen, {
      prepare: await pushedDigest("data-prep"),
      train: await pushedDigest("training"),
    });
  });

  test("the default code bundle: changed code runs without a new image", async (t) => {
    const server = await up(t);
    const main = (programFiles()["main.py"] ?? "").replace('copy_style="none", version="dev"', "");
    assert.ok(main.includes("flyte.with_runcontext()"));
    const first = await run(server, { "main.py": main });
    assert.deepEqual((await outcome(server, first.name)).outputs, [11]);
    assert.ok(of(first.seen, "train").command.includes("--tgz"));
    const changed = (programFiles()["workflow_code/tasks.py"] ?? "").replace(
      "float(len(processed))",
      "float(len(processed)) + 7",
    );
    const second = await run(server, { "main.py": main, "workflow_code/tasks.py": changed });
    assert.deepEqual((await outcome(server, second.name)).outputs, [18]);
    assert.equal(of(second.seen, "train").imageId, of(first.seen, "train").imageId);
  });
});
