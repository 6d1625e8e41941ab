/**
 * Both patterns of the page for TypeScript authors, in real containers: examples/byoi-pure-ts with two
 * Node images of two teams, and a base that knows nothing of Boxkite, adapted by the server's builder.
 * What ran where is asked of the engine.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import {
  engineCommand,
  engineOutput,
  insecureRegistryEnv,
  missingEngine,
  watchContainers,
  type SeenContainer,
} from "../helpers/engine.ts";
import { missingRegistry, startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { clientConfig, startServer, type TestServer } from "../helpers/server.ts";
import { runProgram, succeeded } from "../helpers/stock-sdk.ts";
import { createProject, packedTarball, type UserProject } from "./helpers/package.ts";

const ENGINE = "podman";
const EXAMPLE = join(import.meta.dirname, "../../examples/byoi-pure-ts");
const MAKE = join(import.meta.dirname, "../../scripts/base-images/make.sh");
const skip = missingRegistry() ?? missingEngine(ENGINE);

suite("both patterns in TypeScript, on podman", { skip: skip ?? false }, () => {
  let scratch = "";
  let registry: TestRegistry;
  let env: NodeJS.ProcessEnv = {};
  /** 26, or 24 where Node 26 cannot be had. */
  let trainingNode = "26";

  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), "boxkite-byoi-ts-"));
    registry = await startRegistry(join(scratch, "registry"));
    env = await insecureRegistryEnv(scratch, registry.host);
    // Where Node 26 is not there and cannot be made, the teams differ by their folders alone.
    if (!(await hasImage("24"))) {
      const made = spawnSync(MAKE, ["--engine", ENGINE, "node:24-slim"], {
        encoding: "utf8",
        timeout: 300_000,
      });
      assert.equal(made.status, 0, made.stderr);
    }
    if (!(await hasImage("26"))) trainingNode = "24";
  });

  after(async () => {
    await registry?.stop();
    const list = await engineCommand(ENGINE, [
      "images",
      "--quiet",
      "--filter",
      `reference=${registry?.host}/*`,
    ]);
    for (const id of new Set(list.stdout.split("\n").filter(Boolean)))
      await engineCommand(ENGINE, ["rmi", "--force", id]);
    rmSync(scratch, { recursive: true, force: true });
  });

  async function hasImage(version: string): Promise<boolean> {
    const name = `docker.io/library/node:${version}-slim`;
    return (await engineCommand(ENGINE, ["image", "exists", name])).code === 0;
  }

  function startEngineServer(t: TestContext): Promise<TestServer> {
    return startServer(t, { args: ["--engine", ENGINE, "--ephemeral"], env });
  }

  function copyExample(t: TestContext): UserProject {
    const project = createProject({});
    t.after(() => rmSync(project.directory, { recursive: true, force: true }));
    cpSync(EXAMPLE, project.directory, { recursive: true });
    cpSync(packedTarball(), join(project.directory, "boxkite.tgz"));
    return project;
  }

  async function buildAndPush(context: string, folder: string, image: string): Promise<string> {
    const file = join(context, folder, "Dockerfile");
    writeFileSync(file, readFileSync(file, "utf8").replace("node:26-slim", `node:${trainingNode}-slim`));
    const name = `${registry.host}/${image}:1`;
    await engineOutput(ENGINE, ["build", "--pull=never", "-f", file, "-t", name, context], env);
    await engineOutput(ENGINE, ["push", name], env);
    return name;
  }

  test("pattern 1: each task in its team's image, unchanged", async (t) => {
    const { directory } = copyExample(t);
    const dataPrep = await buildAndPush(directory, "data-prep", "data-prep-ts");
    const training = await buildAndPush(directory, "training", "training-ts");
    const server = await startEngineServer(t);
    const watching = watchContainers(ENGINE);
    const result = await runProgram(process.execPath, ["main.ts", server.config], {
      cwd: directory,
      env: { DATA_PREP_IMAGE: dataPrep, TRAINING_IMAGE: training },
    });
    const containers = [...(await watching.stop()).values()];
    const { stdout } = succeeded(result);
    assert.match(stdout, /prepare: Node 24\.\d+\.\d+ in \/app/);
    assert.match(stdout, new RegExp(`train: {3}Node ${trainingNode}\\.\\d+\\.\\d+ in /workspace`));
    assert.match(stdout, /drift: {3}0\.1 of the range/);
    const prepared = taskContainer(containers, "prepare");
    const trained = taskContainer(containers, "train");
    assert.deepEqual([prepared.workingDir, trained.workingDir], ["/app", "/workspace"]);
    assert.notEqual(prepared.imageId, trained.imageId);
    for (const seen of [prepared, trained]) {
      assert.match(seen.taskModule, /^mod workflow-code\/tasks\.ts export /);
      assert.deepEqual(seen.mounts, [], "nothing is put into the containers");
    }
  });

  test("pattern 2: a base that knows nothing of Boxkite, adapted by the server's builder", async (t) => {
    const { directory } = copyExample(t);
    writeFileSync(
      join(directory, "workflow-code/environments.ts"),
      ADAPTED.replace("REGISTRY", registry.host),
    );
    writeFileSync(join(directory, "main.ts"), DEPLOY_AND_RUN);
    const server = await startEngineServer(t);
    writeFileSync(server.config, clientConfig(server.port, "remote"));
    const result = await runProgram(process.execPath, ["main.ts", server.config], {
      cwd: directory,
      timeoutMs: 300_000,
    });
    const { stdout } = succeeded(result);
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(lines[0], { deployed: ["data-prep.prepare", "training.train"] });
    // Production: the code is baked in. Development: it travels with the run, on an image without it.
    for (const line of lines.slice(1)) {
      const { drift, prepared } = line as { drift: number; prepared: { directory: string } };
      assert.deepEqual([drift, prepared.directory], [0.5, "/srv"]);
    }
  });
});

function taskContainer(containers: readonly SeenContainer[], task: string): SeenContainer {
  const found = containers.find((seen) => seen.taskModule.endsWith(`export ${task}`));
  assert.ok(
    found,
    `no container of ${task} was seen among ${containers.map((seen) => seen.taskModule).join(", ")}`,
  );
  return found;
}

const ADAPTED = `
import * as flyte from "boxkite";

const image = flyte.Image.fromBase("docker.io/library/node:24-slim")
  .clone({ name: "team/adapted", registry: "REGISTRY", extendable: true })
  .withWorkdir("/srv")
  .withGlobalPackages("boxkite.tgz", "zod@4.6.7")
  .withEnvVars({ TEAM: "data" })
  .withCodeBundle();

export const training = new flyte.TaskEnvironment({ name: "training", image });
export const dataPrep = new flyte.TaskEnvironment({ name: "data-prep", image, dependsOn: [training] });
`;

const DEPLOY_AND_RUN = `
import * as flyte from "boxkite";
import { dataPrep } from "./workflow-code/environments.ts";
import { prepare } from "./workflow-code/tasks.ts";

await flyte.initFromConfig({ config: process.argv[2] ?? "" });
const deployed = await flyte.deploy(dataPrep, { copyStyle: "none", version: "3.0.0" });
console.log(JSON.stringify({ deployed: deployed.map(({ name }) => name).sort() }));
const production = flyte.remoteTask("data-prep.prepare", { version: "3.0.0" });
console.log(JSON.stringify(await production({ readings: [1, 2, 3] })));
const development = await flyte.run(prepare, { readings: [1, 2, 3] });
console.log(JSON.stringify(await development.outputs()));
`;
