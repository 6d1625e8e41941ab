/** The image builder on a real Docker daemon: with BuildKit, and with the classic builder that has no mounts. */
import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { create, toBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { BoxkiteError } from "../../src/domain/errors.ts";
import type { ImageBuilder } from "../../src/builds/builder.ts";
import { hostCertificates, hostProxy } from "../../src/builds/build-environment.ts";
import { createDockerBuilder } from "../../src/builds/docker.ts";
import { createImageBuildService, type ImageBuildRequest } from "../../src/builds/service.ts";
import { createMemoryBuildStore } from "../helpers/build-store.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { ImageSpecSchema } from "../../src/wire/gen/flyteidl2/imagebuilder/definition_pb.js";
import { decodeImageSpec } from "../../src/wire/image-spec.ts";
import { startDocker } from "../helpers/dockerd.ts";
import { engineOutput } from "../helpers/engine.ts";
import { missingRegistry, startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { BASES } from "./engine.ts";
import { layerSuite } from "./layer-suite.ts";

/** For what needs no Python; it is pushed, which takes its time. */
const SMALL_BASE = "docker.io/library/debian:12-slim";
const docker = await startDocker([BASES.python311, SMALL_BASE]);
after(() => docker.stop());
const skip = docker.missing ?? false;

const cli = (...args: string[]) => engineOutput("docker", args, docker.env);

let programs = "";
before(async () => {
  programs = await mkdtemp(join(tmpdir(), "boxkite-docker-"));
});
after(() => rm(programs, { recursive: true, force: true }));

/** Build steps on this machine's network, where the index of the tests is; the test's daemon leads nowhere else. */
async function makeBuilder(env: NodeJS.ProcessEnv = {}): Promise<ImageBuilder> {
  const program = join(programs, "docker");
  const script = `#!/bin/sh
if [ "$1" = build ]; then shift; exec docker build --network=host "$@"; fi
exec docker "$@"
`;
  await writeFile(program, script);
  await chmod(program, 0o755);
  return createDockerBuilder({
    program,
    env: { ...process.env, ...docker.env, ...env },
    certificates: hostCertificates(),
    proxy: hostProxy(),
  });
}

// The whole table runs on podman; here is what differs: mounts of each kind, and who owns what is copied.
suite("layers on docker with BuildKit", { skip }, () =>
  layerSuite(
    { cli, build: ["build", "--quiet"], remove: ["image", "rm", "--force"], builder: makeBuilder },
    ["non-root"],
    ["pip-secret", "command-secret", "commands", "wheels", "requirements", "env", "workdir", "source-folder"],
  ),
);

suite("the build service on docker", { skip, timeout: 300_000 }, () => {
  let registry: TestRegistry;
  let base = "";

  before(async () => {
    assert.equal(missingRegistry(), undefined);
    registry = await startRegistry(programs);
    base = `${registry.host}/team/base:latest`;
    await cli("tag", SMALL_BASE, base);
    await cli("push", "--quiet", base);
  });
  after(() => registry?.stop());

  type Layers = MessageInitShape<typeof ImageSpecSchema>["layers"];

  async function build(builder: ImageBuilder, layers: Layers, more: Partial<ImageBuildRequest> = {}) {
    const service = createImageBuildService({
      builder,
      store: createMemoryBuildStore(),
      registry,
      clock: systemClock,
      log: silentLogger,
      workDir: join(programs, "work"),
    });
    const spec = toBinary(
      ImageSpecSchema,
      create(ImageSpecSchema, { baseImage: base, layers: layers ?? [] }),
    );
    return service.build({
      spec: decodeImageSpec(spec),
      context: undefined,
      target: `${registry.host}/team/adapted:1`,
      force: false,
      onLog: () => {},
      signal: AbortSignal.timeout(240_000),
      ...more,
    });
  }

  const commands = (...cmd: string[]) => ({ layer: { case: "commands" as const, value: { cmd } } });

  async function rejection(work: Promise<unknown>): Promise<BoxkiteError> {
    const error = await work.then(
      () => assert.fail("it should have been refused"),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof BoxkiteError, String(error));
    return error;
  }

  test("an image is pushed, named by digest, and runs after the engine has lost it", async () => {
    const builder = await makeBuilder();
    assert.match(builder.description, /^docker \d+\..* \((buildkit|buildx)\)$/);
    // The base is asked of the registry, and pulled by digest.
    await cli("image", "rm", "--force", base);
    const { reference, record } = await build(builder, [commands("echo adapted > /adapted")]);
    assert.match(reference, new RegExp(`^${registry.host}/team/adapted@sha256:[0-9a-f]{64}$`));
    assert.equal(await registry.resolve(`${registry.host}/team/adapted:1`), record.digest);
    assert.match(record.containerfile, /^FROM .*\/team\/base@sha256:/m);
    await cli("image", "rm", "--force", record.imageId);
    assert.equal(await cli("run", "--rm", reference, "cat", "/adapted"), "adapted");
    const history = await builder.history(reference);
    assert.ok(history.some(({ createdBy }) => createdBy.includes("echo adapted")));
  });

  test("without a registry it stays in the engine, under a name that is looked up again", async () => {
    const builder = await makeBuilder();
    const { reference } = await build(builder, [commands("true")], { target: "team/here:1" });
    assert.equal(reference, "localhost/team/here:1");
    assert.ok(await builder.inspect(reference));
  });

  test("a failed step says which, and what it said last", async () => {
    const layers = [commands("true"), commands("echo about to fail; cat /no/such/file")];
    const error = await rejection(build(await makeBuilder(), layers));
    assert.equal(error.code, "IMAGE_BUILD_FAILED");
    assert.match(
      error.message,
      /^image \S+ was not built: layer 2 \(commands\) failed\nstep: RUN .*echo about to fail;/,
    );
    // Two streams: which comes first is not said.
    assert.match(error.message, /\nabout to fail\n/);
    assert.match(error.message, /\ncat: \/no\/such\/file: No such file or directory\n/);
  });

  test("the classic builder does what needs no mount, and is refused with a hint for what does", async () => {
    const builder = await makeBuilder({ DOCKER_BUILDKIT: "0" });
    assert.deepEqual([builder.mounts, builder.certificates], [false, false]);
    const { record } = await build(builder, [commands("echo classic > /made-by")]);
    assert.equal(await cli("run", "--rm", record.imageId, "cat", "/made-by"), "classic");

    const failed = await rejection(build(builder, [commands("true"), commands("cat /no/such/file")]));
    assert.match(
      failed.message,
      /layer 2 \(commands\) failed\nstep: RUN cat \/no\/such\/file\ncat: .* No such file or directory\nexit code: 1$/,
    );

    const refused = await rejection(
      build(builder, [
        {
          layer: {
            case: "commands",
            value: { cmd: ["true"], secretMounts: [{ key: "token", mountRequirement: 1 }] },
          },
        },
      ]),
    );
    assert.equal(refused.code, "IMAGE_BUILDER_TOO_OLD");
    assert.match(refused.hint ?? "", /buildx/);
  });
});
