/**
 * Both patterns of the page for TypeScript authors, in real containers: examples/byoi-pure-ts with two
 * Node images of two teams, and examples/byoi-remote-builder-ts with two bases that know nothing of
 * Boxkite, adapted by the server's builder. What ran where is asked of the engine.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import type { InitializedConfig } from "../../src/sdk/authoring/config.ts";
import { buildImage } from "../../src/sdk/start/image-build.ts";
import { Image } from "../../src/sdk/authoring/image.ts";
import {
  engineCommand,
  engineOutput,
  insecureRegistryEnv,
  listContainers,
  missingEngine,
  removeImagesNamed,
} from "../helpers/engine.ts";
import { missingRegistry, startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { clientConfig, startServer, type TestServer } from "../helpers/server.ts";
import { runProgram, succeeded } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";
import { MAIN, TASKS } from "./helpers/container-flow.ts";
import { endingsOf, type Ending } from "./helpers/endings.ts";
import { createProject, packedTarball } from "./helpers/package.ts";

const ENGINE = "podman";
const EXAMPLES = join(import.meta.dirname, "../../examples");
const MAKE = join(import.meta.dirname, "../../scripts/base-images/make.sh");
const skip = missingRegistry() ?? missingEngine(ENGINE);

/** What the program of container-flow.ts prints. */
interface Seen {
  readonly run: string;
  readonly held: string;
  readonly seen: Readonly<Record<string, string>>;
  readonly phase: string;
}

/** As podman lists it. */
interface TaskContainer {
  readonly Id: string;
  readonly ImageID: string;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Command: readonly string[] | null;
  readonly Mounts: readonly string[];
}

/** Of container-flow.ts. */
const ENDS = ["says", "fails", "exits", "late", "grows", "held"];

/** Without the frames of stacks, which are other ones in a worker, and what differs with the moment of an abort. */
function comparable(ending: Ending | undefined) {
  assert.ok(ending !== undefined);
  const { phase, exitCode, error, stdout, stderr } = ending;
  const isFrame = (line: string) => /^\s+at /u.test(line);
  // What a process had when it was killed is never the same.
  const lines = error?.replace(/\(\d+ MiB\)\)/u, ")").split("\n");
  const told = { phase, stdout, error: lines?.filter((line) => !isFrame(line)) };
  if (phase === "aborted" || phase === "timed_out") return told;
  return { ...told, exitCode, stderr: stderr.filter((line) => !isFrame(line)) };
}

/** Lists the engine's containers of tasks again and again, as fast as it answers. */
function watchTasks(): { stop(): Promise<readonly TaskContainer[]> } {
  const seen = new Map<string, TaskContainer>();
  const args = ["--all", "--no-trunc", "--format=json", "--filter", "label=dev.boxkite.action"];
  let stopped = false;
  const watching = (async () => {
    while (!stopped) {
      const json = (await listContainers(ENGINE, args)).join("");
      for (const one of JSON.parse(json) as TaskContainer[]) seen.set(one.Id, one);
    }
    return [...seen.values()];
  })();
  return {
    stop: () => {
      stopped = true;
      return watching;
    },
  };
}

suite("both patterns in TypeScript, on podman", { skip: skip ?? false }, () => {
  let scratch = "";
  let registry: TestRegistry;
  let env: NodeJS.ProcessEnv = {};

  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), "boxkite-byoi-ts-"));
    registry = await startRegistry(join(scratch, "registry"));
    env = await insecureRegistryEnv(scratch, registry.host);
    const bases = ["node:24-slim", "node:26-slim"];
    const exist = (base: string) =>
      engineCommand(ENGINE, ["image", "exists", `docker.io/library/${base}`]).then(({ code }) => code === 0);
    if ((await Promise.all(bases.map(exist))).every(Boolean)) return;
    const made = spawnSync(MAKE, ["--engine", ENGINE, ...bases], { encoding: "utf8", timeout: 500_000 });
    assert.equal(made.status, 0, made.stderr);
  });

  after(async () => {
    await registry?.stop();
    if (registry) await removeImagesNamed(ENGINE, [`${registry.host}/`]);
    rmSync(scratch, { recursive: true, force: true });
  });

  function startEngineServer(t: TestContext): Promise<TestServer> {
    // What each container is started with is compared: none is made ahead of its action.
    return startServer(t, { args: ["--engine", ENGINE, "--ephemeral", "--warm-starts", "off"], env });
  }

  function copyExample(t: TestContext, name: string): string {
    const { directory } = createProject({});
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    cpSync(join(EXAMPLES, name), directory, { recursive: true });
    cpSync(packedTarball(), join(directory, "boxkite.tgz"));
    return directory;
  }

  async function buildAndPush(file: string, context: string, image: string): Promise<string> {
    const name = `${registry.host}/${image}:1`;
    await engineOutput(ENGINE, ["build", "--pull=never", "-f", file, "-t", name, context], env);
    await engineOutput(ENGINE, ["push", name], env);
    return name;
  }

  /**
   * What the program prints, and the engine's containers of prepare and train. These live for a moment: on a
   * busy machine one may come and go between two looks at the engine, and is looked for in another run.
   */
  async function runMain(
    directory: string,
    args: readonly string[],
    variables: NodeJS.ProcessEnv,
  ): Promise<{ stdout: string; prepare: TaskContainer; train: TaskContainer }> {
    const options = { cwd: directory, env: variables, timeoutMs: 500_000 };
    for (let tries = 1; ; tries++) {
      const watching = watchTasks();
      const result = await runProgram(process.execPath, ["main.ts", ...args], options);
      const seen = await watching.stop();
      const { stdout } = succeeded(result);
      const run = /^run: +(\S+)$/m.exec(stdout)?.[1] ?? "";
      const [prepare, train] = ["prepare", "train"].map((task) =>
        seen.find((one) => one.Labels["dev.boxkite.run"] === run && one.Command?.at(-1) === task),
      );
      if (prepare !== undefined && train !== undefined) return { stdout, prepare, train };
      assert.ok(tries < 5, `of ${run} the engine showed ${JSON.stringify(seen)}`);
    }
  }

  const nodeIn = async (seen: TaskContainer): Promise<string> =>
    engineOutput(ENGINE, ["run", "--rm", "--network=none", "--entrypoint=node", seen.ImageID, "--version"]);

  const workdirOf = async (seen: TaskContainer): Promise<string> =>
    engineOutput(ENGINE, ["image", "inspect", "--format={{.Config.WorkingDir}}", seen.ImageID]);

  const hasFile = async (seen: TaskContainer, file: string): Promise<boolean> => {
    const args = ["run", "--rm", "--network=none", "--entrypoint=test", seen.ImageID, "-e", file];
    return (await engineCommand(ENGINE, args)).code === 0;
  };

  test("pattern 1: each task in its team's image, unchanged", async (t) => {
    const directory = copyExample(t, "byoi-pure-ts");
    const [dataPrep, training] = await Promise.all([
      buildAndPush(join(directory, "data-prep/Dockerfile"), directory, "data-prep-ts"),
      buildAndPush(join(directory, "training/Dockerfile"), directory, "training-ts"),
    ]);
    const server = await startEngineServer(t);
    const { stdout, prepare, train } = await runMain(directory, [server.config], {
      DATA_PREP_IMAGE: dataPrep,
      TRAINING_IMAGE: training,
    });
    assert.match(stdout, /prepare: Node 24\.\d+\.\d+ in \/app/);
    assert.match(stdout, /train: {3}Node 26\.\d+\.\d+ in \/workspace/);
    assert.match(stdout, /drift: {3}0\.1 of the range/);
    assert.deepEqual(await Promise.all([workdirOf(prepare), workdirOf(train)]), ["/app", "/workspace"]);
    assert.match(await nodeIn(prepare), /^v24\./);
    assert.match(await nodeIn(train), /^v26\./);
    for (const { Command, Mounts } of [prepare, train]) {
      assert.deepEqual(Command?.slice(-4, -1), ["mod", "workflow-code/tasks.ts", "export"]);
      assert.deepEqual(Mounts, [], "nothing is put into the containers");
    }
  });

  test("in one-shot and resident workers, of a user without rights, tasks end and are logged as cold", async (t) => {
    const directory = copyExample(t, "byoi-pure-ts");
    const built = await buildAndPush(join(directory, "data-prep/Dockerfile"), directory, "data-prep-ts");
    const file = join(directory, "Containerfile");
    writeFileSync(file, `FROM ${built}\nUSER node\n`);
    const image = await buildAndPush(file, directory, "as-node-ts");
    for (const [name, text] of Object.entries({ "tasks.ts": TASKS, "main.ts": MAIN }))
      writeFileSync(join(directory, name), text);
    const data = join(scratch, "data");
    const server = await startServer(t, { args: ["--engine", ENGINE, "--data", data], env });
    const endings = async (mode: string) => {
      const options = { cwd: directory, env: { TASK_IMAGE: image }, timeoutMs: 300_000 };
      const { stdout } = succeeded(
        await runProgram(process.execPath, ["main.ts", server.config, mode], options),
      );
      const { run, held, ...seen } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Seen;
      // An abort is known before the process has used its time to end.
      await until(async () => (await endingsOf(server, held))["held"]?.stdout.at(-1) === "told to end");
      const ends = { ...(await endingsOf(server, run)), ...(await endingsOf(server, held)) };
      const modes = ENDS.map((name) => ends[name]?.mode);
      return { modes, seen, ends: ENDS.map((name) => [name, comparable(ends[name])]) };
    };
    const { modes, ...cold } = await endings("cold");
    assert.deepEqual(new Set(modes), new Set(["cold"]));
    for (const mode of ["one_shot", "resident"]) {
      const { modes: warm, ...rest } = await endings(mode);
      assert.ok(warm.includes(mode), `${mode}: ${warm.join()}`);
      assert.deepEqual(rest, cold, mode);
    }
  });

  test("podman of this machine builds, too: layers, or a Dockerfile; the same content once", async (t) => {
    const name = `boxkite-test/local-${process.pid}`;
    mkdirSync(join(scratch, "own"));
    const file = join(scratch, "own/Dockerfile");
    writeFileSync(file, "FROM docker.io/library/node:24-slim\nENV MADE_BY=a-dockerfile\n");
    const layered = Image.fromBase("docker.io/library/node:24-slim")
      .clone({ name, extendable: true })
      .withWorkdir("/made")
      .withSource(file, "inside/")
      .withEnvVars({ MADE_BY: "layers", PATH: "/made/bin:$PATH" })
      .withCommands(["node -e 'process.exit(process.cwd() === \"/made\" ? 0 : 1)'"]);
    const config = { imageBuilder: "local-podman" } as InitializedConfig;
    for (const [image, maker, files] of [
      [layered, "layers", "inside"],
      [Image.fromDockerfile({ file, name }), "a-dockerfile", ""],
    ] as const) {
      const reference = await buildImage(image, config, { project: "p", domain: "d" });
      t.after(() => engineCommand(ENGINE, ["rmi", reference]));
      assert.equal(reference, `localhost/${name}:${image.tag}`);
      const run = ["run", "--rm", "--network=none", reference, "sh", "-c"];
      assert.equal(
        await engineOutput(ENGINE, [...run, "echo $MADE_BY; which node; ls /made || true"]),
        `${maker}\n/usr/local/bin/node\n${files}`.trim(),
      );
      const made = ["image", "inspect", "--format={{.Id}} {{.Created}}", reference];
      const first = await engineOutput(ENGINE, made);
      await buildImage(image, config, { project: "p", domain: "d" });
      assert.equal(await engineOutput(ENGINE, made), first);
    }
  });

  test("pattern 2: bases that know nothing of Boxkite, adapted by the server's builder", async (t) => {
    const directory = copyExample(t, "byoi-remote-builder-ts");
    // A script of the project that needs its development dependencies: it must not run in the image.
    for (const team of ["data-prep", "training"]) {
      const manifest = join(directory, team, "package.json");
      const project = JSON.parse(readFileSync(manifest, "utf8")) as Record<string, unknown>;
      writeFileSync(manifest, JSON.stringify({ ...project, scripts: { prepare: "husky" } }));
    }
    await Promise.all(
      ["data-prep", "training"].map((team) =>
        buildAndPush(join(directory, team, "Dockerfile"), join(directory, team), `${team}-ts-base`),
      ),
    );
    const server = await startEngineServer(t);
    await writeFile(server.config, clientConfig(server.port, "remote"));
    const main = (...args: string[]) =>
      runMain(directory, [server.config, ...args], { REGISTRY: registry.host });

    const first = await main();
    // The zods are those of the lockfiles, of npm and of pnpm; package.json allows newer ones.
    assert.match(first.stdout, /prepare: Node 24\.\d+\.\d+ in \/app, zod 4\.5\.3\n/);
    assert.match(first.stdout, /train: {3}Node 26\.\d+\.\d+ in \/workspace, zod 4\.5\.1\n/);
    assert.match(first.stdout, /drift: {3}0\.1 of the range/);
    assert.equal(await workdirOf(first.train), "/workspace");
    assert.equal(await hasFile(first.prepare, "/app/workflow-code/tasks.ts"), false, "the code travelled");

    appendFileSync(join(directory, "workflow-code/tasks.ts"), "// changed\n");
    const second = await main();
    const images = ({ prepare, train }: typeof first) => [prepare.ImageID, train.ImageID];
    assert.deepEqual(images(second), images(first), "a change of the code builds nothing");

    const deployed = await main("3.0.0");
    assert.match(deployed.stdout, /task: {4}data-prep\.prepare 3\.0\.0/);
    assert.match(deployed.stdout, /drift: {3}0\.1 of the range/);
    assert.equal(
      await hasFile(deployed.prepare, "/app/workflow-code/tasks.ts"),
      true,
      "the code is baked in",
    );
    assert.deepEqual(deployed.train.Mounts, []);
  });
});
