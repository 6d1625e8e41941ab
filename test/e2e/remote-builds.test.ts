/**
 * Builds as runs of a real server on podman: live logs, aborts, equal builds at once, a server that is killed; and the
 * `images` command.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { loadConfig } from "../../src/client/config-file.ts";
import { uploadFile } from "../../src/client/upload.ts";
import { BoxkiteError } from "../../src/domain/errors.ts";
import type { InitializedConfig } from "../../src/sdk/authoring/config.ts";
import { controlPlaneOf } from "../../src/sdk/start/control-plane.ts";
import type { Run } from "../../src/sdk/authoring/run-handle.ts";
import { startRemoteRun } from "../../src/sdk/start/remote-run.ts";
import { createReferenceDefinition } from "../../src/sdk/authoring/remote-task.ts";
import { ActionPhase } from "../../src/wire/gen/flyteidl2/common/phase_pb.js";
import { ImageSpecSchema } from "../../src/wire/gen/flyteidl2/imagebuilder/definition_pb.js";
import { TaskSpecSchema } from "../../src/wire/gen/flyteidl2/task/task_definition_pb.js";
import {
  engineCommand,
  engineOutput,
  insecureRegistryEnv,
  listContainers,
  missingEngine,
  removeImagesOf,
} from "../helpers/engine.ts";
import { missingRegistry, startRegistry } from "../helpers/registry.ts";
import { BOXKITE, startServer, type TestServer } from "../helpers/server.ts";
import { runProgram, succeeded } from "../helpers/stock-sdk.ts";
import { until } from "../helpers/until.ts";

const ENGINE = "podman";
const skip = missingRegistry() ?? missingEngine(ENGINE);
const SCOPE = { org: "", project: "flytesnacks", domain: "development" } as const;

/** Files in a server's temporary directory that do not belong to a build. */
const OF_THE_SERVER = /^boxkite-podman-\w+$/u;

type Layer = NonNullable<MessageInitShape<typeof ImageSpecSchema>["layers"]>[number];

suite("builds as runs, on podman", { skip: skip ?? false }, () => {
  const label = `boxkite.test=remote-builds-${process.pid}`;
  const repository = `boxkite-remote-builds-${process.pid}`;
  const base = `localhost/${repository}/base:1`;
  let scratch = "";

  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "boxkite-remote-builds-"));
    await makeBase("first");
  });

  after(async () => {
    await removeImagesOf(ENGINE, label);
    await rm(scratch, { recursive: true, force: true });
  });

  async function makeBase(edition: string): Promise<void> {
    const file = join(scratch, "Containerfile");
    await writeFile(file, `FROM docker.io/library/debian:12-slim\nLABEL ${label}\nENV EDITION=${edition}\n`);
    await engineOutput(ENGINE, ["build", "--pull=never", "--tag", base, "--file", file, scratch]);
  }

  /** A server with a temporary directory of its own, in which the test sees what is left. */
  async function serve(
    t: TestContext,
    name: string,
    options: { port?: number; env?: NodeJS.ProcessEnv } = {},
  ) {
    const data = join(scratch, name, "data");
    const temporary = join(scratch, name, "tmp");
    await mkdir(temporary, { recursive: true });
    const port = options.port === undefined ? [] : ["--port", String(options.port)];
    const server = await startServer(t, {
      args: ["--engine", ENGINE, "--data", data, ...port],
      env: { ...options.env, TMPDIR: temporary },
    });
    return {
      server,
      left: async () => [
        ...(await folder(join(data, "builds"))),
        ...(await folder(temporary)).filter((name) => !OF_THE_SERVER.test(name)),
      ],
    };
  }

  const folder = (path: string) => readdir(path).catch(() => [] as string[]);

  async function clientOf(server: TestServer): Promise<InitializedConfig> {
    return { ...(await loadConfig(server.config, {})), rootDir: scratch };
  }

  async function startBuild(
    config: InitializedConfig,
    target: string,
    layers: readonly Layer[],
  ): Promise<Run<unknown>> {
    const { uri } = await uploadFile(await controlPlaneOf(config), SCOPE, "spec.pb", specOf(layers));
    return await startRemoteRun(
      createReferenceDefinition("build-image", "system", "production"),
      { spec: uri, context: "", target_image: target },
      { cacheLookupScope: "project-domain", ...SCOPE },
      config,
    );
  }

  function specOf(layers: readonly Layer[]): Uint8Array<ArrayBuffer> {
    const spec = create(ImageSpecSchema, { baseImage: base, layers: [...layers] });
    return new Uint8Array(toBinary(ImageSpecSchema, spec));
  }

  /** The image that GetImage returns, or the code of its error. */
  async function getImage(config: InitializedConfig, name: string): Promise<string> {
    const { images } = await controlPlaneOf(config);
    return await images.getImage({ id: { name } }).then(
      ({ image }) => image?.fqin ?? "",
      (error: unknown) => (error instanceof BoxkiteError ? error.code : String(error)),
    );
  }

  const commands = (...cmd: string[]): Layer => ({ layer: { case: "commands", value: { cmd } } });
  const STAMP = commands(
    "head -c 8 /dev/urandom | od -An -tx1 | tr -d ' ' > /stamp; echo stamp $(cat /stamp)",
  );
  const stampIn = (lines: readonly string[]) =>
    lines.find((line) => /^stamp \w+$/u.test(line))?.split(" ")[1];

  async function linesUntil(run: Run<unknown>, last: string): Promise<string[]> {
    const lines: string[] = [];
    for await (const { message } of run.logs()) {
      lines.push(message);
      if (message === last) return lines;
    }
    assert.fail(`the log ended without ${last}:\n${lines.join("\n")}`);
  }

  async function allLines(run: Run<unknown>): Promise<string[]> {
    const lines: string[] = [];
    for await (const { message } of run.logs()) lines.push(message);
    return lines;
  }

  /** A number of seconds that no other process on the machine sleeps. */
  const unique = () => String(3_000_000 + randomBytes(3).readUIntBE(0, 3));

  async function sleeps(seconds: string): Promise<boolean> {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/u.test(name));
    const lines = await Promise.all(
      pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
    );
    return lines.includes(`sleep\0${seconds}\0`);
  }

  async function workingContainers(): Promise<string[]> {
    const mine = [];
    for (const id of await listContainers(ENGINE, ["--all", "--external", "--format", "{{.ID}}"])) {
      const labels = await engineOutput(ENGINE, ["inspect", "--format", "{{.Config.Labels}}", id]).catch(
        () => "",
      );
      if (labels.includes(label.replace("=", ":"))) mine.push(id);
    }
    return mine;
  }

  test("the log is live while the build runs; an abort ends the step and leaves nothing", async (t) => {
    const { server, left } = await serve(t, "abort");
    const config = await clientOf(server);
    const seconds = unique();
    const run = await startBuild(config, `${repository}/aborted:1`, [
      commands(`echo started; exec sleep ${seconds}`),
    ]);
    await linesUntil(run, "started");
    // The line was there before the step had ended.
    await until(() => sleeps(seconds));
    await run.abort();
    assert.equal(await run.wait(), "aborted");
    await until(async () => !(await sleeps(seconds)));
    await until(async () => (await left()).length === 0);
    assert.deepEqual(await workingContainers(), []);
    assert.equal(await getImage(config, "aborted:1"), "IMAGE_NOT_FOUND");
  });

  test("two equal builds at once are one; GetImage returns the image until the base changes", async (t) => {
    const { server, left } = await serve(t, "equal");
    const config = await clientOf(server);
    const target = `${repository}/equal:1`;
    const runs = await Promise.all(
      [1, 2].map(() => startBuild(config, target, [STAMP, commands("sleep 6")])),
    );
    const [one, two] = await Promise.all(runs.map((run) => run.outputs()));
    assert.match(String(one), new RegExp(`^localhost/${repository}/equal@sha256:`, "u"));
    assert.equal(one, two);
    const [stamp, other] = (await Promise.all(runs.map(allLines))).map(stampIn);
    assert.ok(stamp !== undefined && stamp === other, "both logs are those of the same build");
    assert.equal(await getImage(config, "equal:1"), one);

    const again = await startBuild(config, target, [STAMP, commands("sleep 6")]);
    assert.equal(await again.outputs(), one);
    assert.match((await allLines(again)).join("\n"), /was built before from the same base: nothing to do/u);

    await makeBase("second");
    assert.equal(await getImage(config, "equal:1"), "IMAGE_NOT_FOUND");
    assert.deepEqual(await left(), []);
  });

  test("kill -9 of the server in mid-build: the next server ends the old step, continues and leaves nothing", async (t) => {
    const seconds = unique();
    // A secret differs between the servers without changing the step.
    const pace = (value: string) => ({ BOXKITE_BUILD_SECRET_PACE: value });
    const first = await serve(t, "killed", { env: pace(seconds) });
    const run = await startBuild(await clientOf(first.server), `${repository}/killed:1`, [
      STAMP,
      {
        layer: {
          case: "commands",
          value: {
            cmd: ['echo second; exec sleep "$PACE"'],
            secretMounts: [{ key: "pace", envVar: "PACE" }],
          },
        },
      },
    ]);
    const before_ = await linesUntil(run, "second");
    await first.server.kill("SIGKILL");
    // The build goes on without its server.
    await until(() => sleeps(seconds));

    const { server, left } = await serve(t, "killed", { port: first.server.port, env: pace("0") });
    const reference = String(await run.outputs());
    assert.equal(await sleeps(seconds), false);
    const stamp = await engineOutput(ENGINE, ["run", "--rm", "--network=none", reference, "cat", "/stamp"]);
    assert.equal(stamp, stampIn(before_), "the layer that was finished was not built again");
    assert.deepEqual(await left(), []);
    assert.deepEqual(await workingContainers(), []);
    assert.equal(await getImage(await clientOf(server), "killed:1"), reference);
  });

  test("images: list, inspect with layers and uses, build; prune removes only unused images", async (t) => {
    const registry = await startRegistry(join(scratch, "registry"));
    t.after(() => registry.stop());
    const env = await insecureRegistryEnv(scratch, registry.host);
    const { server } = await serve(t, "images", { env });
    const config = await clientOf(server);
    const controlPlane = await controlPlaneOf(config);
    const build = async (target: string, content: string) =>
      String(await (await startBuild(config, target, [commands(`echo ${content} > /content`)])).outputs());
    const images = async (...args: string[]) =>
      succeeded(
        await runProgram(process.execPath, [BOXKITE, "images", ...args, "--data", server.ready.data], {
          cwd: scratch,
          env,
        }),
      ).stdout;
    const exists = async (name: string) =>
      (await engineCommand(ENGINE, ["image", "exists", name])).code === 0;

    const deployed = await build(`${repository}/deployed:1`, "deployed");
    await build(`${repository}/tagged:1`, "tagged");
    const ran = await build(`${repository}/ran:1`, "ran");
    // The same layers under an unused name: it is the same image.
    await build(`${repository}/twin:1`, "deployed");
    const pushed = await build(`${registry.host}/team/pushed:1`, "pushed");
    await engineOutput(ENGINE, ["image", "rm", `${registry.host}/team/pushed:1`]);
    await engineOutput(ENGINE, ["pull", "--quiet", pushed], env);
    for (const [name, image] of [
      ["by-digest", deployed],
      ["by-tag", `localhost/${repository}/tagged:1`],
    ] as const) {
      await controlPlane.tasks.deployTask({
        taskId: { ...SCOPE, name, version: "7" },
        spec: taskOf(name, image),
      });
    }
    const run = { case: "runId" as const, value: { ...SCOPE, name: "young" } };
    await controlPlane.runs.createRun({ id: run, task: { case: "taskSpec", value: taskOf("young", ran) } });
    await until(async () => {
      const { details } = await controlPlane.runs.getRunDetails({ runId: run.value });
      return isOver(details?.action?.status?.phase);
    });

    const listed = (await images("ls", "--json"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Listed);
    assert.deepEqual(
      Object.fromEntries(
        listed.map(({ name, uses }) => [name, `${uses.deployments.length} ${uses.runs.length}`]),
      ),
      { "deployed:1": "1 0", "tagged:1": "1 0", "ran:1": "0 1", "twin:1": "0 0", "pushed:1": "0 0" },
    );
    const shown = await images("inspect", "deployed:1");
    assert.match(shown, /^reference +localhost\/\S+@sha256:/mu);
    assert.match(shown, new RegExp(`^base +${base} \\(image ID sha256:\\w+, from the engine\\)$`, "mu"));
    assert.match(shown, /^size +\d+ MB$/mu);
    assert.match(shown, /^deployed +flytesnacks\/development\/by-digest 7$/mu);
    assert.match(shown, /^layers, the base's first:\n(.*\n)*? +\d+ k?B {2}RUN echo deployed > \/content$/mu);
    assert.match(shown, /^RUN .*\n? *echo deployed > \/content$/mu);

    const specification = join(scratch, "spec.pb");
    await writeFile(specification, specOf([commands("echo by hand > /content")]));
    const byHand = await images(
      "build",
      specification,
      "--target",
      `${repository}/by-hand:1`,
      "--engine",
      ENGINE,
    );
    assert.match(byHand, /^localhost\/\S+\/by-hand@sha256:\w+\n$/u);

    const plan = await images("prune", "--dry-run");
    assert.match(plan, /^would remove {2}localhost\/.*\/twin:1$/mu);
    assert.equal(await exists(`localhost/${repository}/twin:1`), true);
    const pruned = await images("prune", "--engine", ENGINE);
    assert.match(pruned, /^keep {4}\S+\/deployed:1: deployed as by-digest 7$/mu);
    assert.match(pruned, /^keep {4}\S+\/tagged:1: deployed as by-tag 7$/mu);
    assert.match(pruned, /^keep {4}\S+\/ran:1: used by run young$/mu);
    assert.match(pruned, /^removed {2}\S+\/by-hand:1$/mu);
    const left = {
      [deployed]: true,
      [ran]: true,
      [pushed]: false,
      [`localhost/${repository}/twin:1`]: false,
    };
    for (const [name, expected] of Object.entries(left)) assert.equal(await exists(name), expected, name);

    await images("prune", "--engine", ENGINE, "--keep-days", "0");
    const content = ["run", "--rm", "--network=none", deployed, "cat", "/content"];
    assert.equal(await engineOutput(ENGINE, content), "deployed");
    assert.equal(await exists(`localhost/${repository}/tagged:1`), true);
    assert.equal(await exists(ran), false);
    await assert.rejects(images("ls", "--keep-days", "1"), /--keep-days means nothing to images ls/u);
  });

  function taskOf(name: string, image: string) {
    return create(TaskSpecSchema, {
      shortName: name,
      environment: { name: "e" },
      taskTemplate: {
        id: { ...SCOPE, name, version: "7" },
        type: "python",
        metadata: { retries: { retries: 0 } },
        interface: {},
        target: { case: "container", value: { image, command: ["/bin/true"] } },
      },
    });
  }
});

interface Listed {
  readonly name: string;
  readonly uses: { readonly deployments: readonly unknown[]; readonly runs: readonly unknown[] };
}

function isOver(phase: ActionPhase | undefined): boolean {
  return phase === ActionPhase.SUCCEEDED || phase === ActionPhase.FAILED;
}
