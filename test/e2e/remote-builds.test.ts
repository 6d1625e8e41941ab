/** Builds as runs of a real server on podman: live logs, aborts, equal ones at once, a server that dies. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { loadConfig } from "../../src/client/config-file.ts";
import { uploadFile } from "../../src/client/upload.ts";
import type { InitializedConfig } from "../../src/sdk/config.ts";
import { controlPlaneOf } from "../../src/sdk/control-plane.ts";
import type { Run } from "../../src/sdk/run-handle.ts";
import { startRemoteRun } from "../../src/sdk/remote-run.ts";
import { createReferenceDefinition } from "../../src/sdk/remote-task.ts";
import { ImageSpecSchema } from "../../src/wire/gen/flyteidl2/imagebuilder/definition_pb.js";
import { engineOutput, missingEngine } from "../helpers/engine.ts";
import { startServer, type TestServer } from "../helpers/server.ts";
import { until } from "../helpers/until.ts";
import { removeImagesOf } from "../images/engine.ts";

const ENGINE = "podman";
const skip = missingEngine(ENGINE);
const SCOPE = { org: "", project: "flytesnacks", domain: "development" } as const;

/** What a server has in its temporary directory while it runs, whatever it builds. */
const OF_THE_SERVER = /^(boxkite-\w+\.lock|boxkite-podman-\w+|node-compile-cache)$/u;

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
    await removeImagesOf(label);
    await rm(scratch, { recursive: true, force: true });
  });

  async function makeBase(edition: string): Promise<void> {
    const file = join(scratch, "Containerfile");
    await writeFile(file, `FROM docker.io/library/debian:12-slim\nLABEL ${label}\nENV EDITION=${edition}\n`);
    await engineOutput(ENGINE, ["build", "--pull=never", "--tag", base, "--file", file, scratch]);
  }

  /** A server with a temporary directory of its own, so that what it leaves there is seen. */
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
    const spec = toBinary(ImageSpecSchema, create(ImageSpecSchema, { baseImage: base, layers: [...layers] }));
    const { uri } = await uploadFile(await controlPlaneOf(config), SCOPE, "spec.pb", new Uint8Array(spec));
    return await startRemoteRun(
      createReferenceDefinition("build-image", "system", "production"),
      { spec: uri, context: "", target_image: target },
      { cacheLookupScope: "project-domain", ...SCOPE },
      config,
    );
  }

  /** What GetImage answers, or the code that it refuses with. */
  async function getImage(config: InitializedConfig, name: string): Promise<string | Code> {
    const { images } = await controlPlaneOf(config);
    return await images.getImage({ id: { name } }).then(
      ({ image }) => image?.fqin ?? "",
      (error: unknown) => ConnectError.from(error).code,
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

  /** A step that sleeps, under a number that no other process on the machine has. */
  const unique = () => String(3_000_000 + randomBytes(3).readUIntBE(0, 3));

  async function sleeps(seconds: string): Promise<boolean> {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/u.test(name));
    const lines = await Promise.all(
      pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
    );
    return lines.includes(`sleep\0${seconds}\0`);
  }

  async function workingContainers(): Promise<string[]> {
    const list = await engineOutput(ENGINE, ["ps", "--all", "--external", "--format", "{{.ID}}"]);
    const mine = [];
    for (const id of list.split("\n").filter(Boolean)) {
      const labels = await engineOutput(ENGINE, ["inspect", "--format", "{{.Config.Labels}}", id]).catch(
        () => "",
      );
      if (labels.includes(label.replace("=", ":"))) mine.push(id);
    }
    return mine;
  }

  test("the log comes while the build runs; an abort ends the step and leaves nothing", async (t) => {
    const { server, left } = await serve(t, "abort");
    const config = await clientOf(server);
    const seconds = unique();
    const run = await startBuild(config, `${repository}/aborted:1`, [
      commands(`echo started; exec sleep ${seconds}`),
    ]);
    await linesUntil(run, "started");
    assert.equal(await sleeps(seconds), true, "the line was there before the step had ended");
    await run.abort();
    assert.equal(await run.wait(), "aborted");
    await until(async () => !(await sleeps(seconds)));
    await until(async () => (await left()).length === 0);
    assert.deepEqual(await workingContainers(), []);
    assert.equal(await getImage(config, "aborted:1"), Code.NotFound);
  });

  test("two equal builds at once are one; GetImage knows it until the base moves", async (t) => {
    const { server, left } = await serve(t, "equal");
    const config = await clientOf(server);
    const target = `${repository}/equal:1`;
    const runs = await Promise.all(
      [1, 2].map(() => startBuild(config, target, [STAMP, commands("sleep 1")])),
    );
    const [one, two] = await Promise.all(runs.map((run) => run.outputs()));
    assert.match(String(one), new RegExp(`^localhost/${repository}/equal@sha256:`, "u"));
    assert.equal(one, two);
    const [stamp, other] = (await Promise.all(runs.map(allLines))).map(stampIn);
    assert.ok(stamp !== undefined && stamp === other, "both logs tell of the same build");
    assert.equal(await getImage(config, "equal:1"), one);

    const again = await startBuild(config, target, [STAMP, commands("sleep 1")]);
    assert.equal(await again.outputs(), one);
    assert.match((await allLines(again)).join("\n"), /was built before from the same base: nothing to do/u);

    await makeBase("second");
    assert.equal(await getImage(config, "equal:1"), Code.NotFound);
    assert.deepEqual(await left(), []);
  });

  test("kill -9 of the server in mid-build: the next one ends what runs, goes on and leaves nothing", async (t) => {
    const seconds = unique();
    // What the step reads differs from server to server, and is no part of the step.
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
    assert.equal(await sleeps(seconds), true, "the build goes on without its server");

    const { server, left } = await serve(t, "killed", { port: first.server.port, env: pace("0") });
    const reference = String(await run.outputs());
    assert.equal(await sleeps(seconds), false);
    const stamp = await engineOutput(ENGINE, ["run", "--rm", "--network=none", reference, "cat", "/stamp"]);
    assert.equal(stamp, stampIn(before_), "the layer that was finished was not built again");
    assert.deepEqual(await left(), []);
    assert.deepEqual(await workingContainers(), []);
    assert.equal(await getImage(await clientOf(server), "killed:1"), reference);
  });
});
