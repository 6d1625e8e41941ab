/** The build service with a real engine and a real registry. The specifications come from the stock SDK. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { BoxkiteError } from "../../src/domain/errors.ts";
import type { BuildJob, ImageBuilder } from "../../src/builds/builder.ts";
import { contextOfFile } from "../../src/builds/context.ts";
import {
  createImageBuildService,
  type ImageBuildRequest,
  type ImageBuildService,
} from "../../src/builds/service.ts";
import { createMemoryBuildStore } from "../helpers/build-store.ts";
import { listContainers, removeImagesNamed } from "../helpers/engine.ts";
import { freePort, missingRegistry, startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { decodeImageSpec } from "../../src/wire/image-spec.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { ImageSpecSchema } from "../../src/wire/gen/flyteidl2/imagebuilder/definition_pb.js";
import { BASES, noEngine, podman, startIndex, testBuilder } from "./engine.ts";
import { makeSdkSpecs, type SdkSpec, type SdkSpecs } from "./sdk-specs.ts";

const skip = await noEngine();

suite("the build service with a real engine", { skip, timeout: 300_000 }, () => {
  let folder: string;
  let registry: TestRegistry | undefined;
  let index: Awaited<ReturnType<typeof startIndex>>;
  let specs: SdkSpecs;
  let builder: ImageBuilder;
  const jobs: BuildJob[] = [];
  const store = createMemoryBuildStore();
  let service: ImageBuildService;
  let base = "";

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "boxkite-builds-"));
    assert.equal(missingRegistry(), undefined);
    registry = await startRegistry(folder);
    const registries = join(folder, "registries.conf");
    await writeFile(registries, `[[registry]]\nlocation = "${registry.host}"\ninsecure = true\n`);
    process.env["CONTAINERS_REGISTRIES_CONF"] = registries;
    base = `${registry.host}/team/base:latest`;
    await pushBase("first");
    index = await startIndex(() => specs.wheel, "s3cret");
    specs = await makeSdkSpecs(join(folder, "specs"), index.url, [base]);
    const real = await testBuilder();
    builder = {
      ...real,
      build: async (job) => {
        jobs.push(job);
        return await real.build(job);
      },
    };
    service = createImageBuildService({
      builder,
      store,
      registry,
      clock: systemClock,
      log: silentLogger,
      workDir: join(folder, "work"),
    });
  });

  after(async () => {
    index?.stop();
    await registry?.stop();
    await removeImagesNamed("podman", [
      `${registry?.host}/`,
      "localhost/boxkite-service/",
      "localhost/org/debian",
    ]);
    // Last, because the engine reads its registries.conf from here.
    await rm(folder, { recursive: true, force: true });
  });

  /** An image of its own, so that taking it away at the end takes nothing from anybody else. */
  async function pushBase(edition: string): Promise<void> {
    const file = join(folder, "Containerfile.base");
    await writeFile(file, `FROM ${BASES.python311}\nENV EDITION=${edition}\n`);
    await podman("build", "--pull=never", "--tag", base, "--file", file, folder);
    await podman("push", base);
  }

  function request(
    { spec, context, target }: SdkSpec,
    options: Partial<ImageBuildRequest> = {},
  ): ImageBuildRequest {
    return {
      spec: decodeImageSpec(spec),
      context: context === undefined ? undefined : contextOfFile(context),
      target: `${registry?.host}/${target}`,
      force: false,
      onLog: () => {},
      signal: new AbortController().signal,
      ...options,
    };
  }

  async function rejection(promise: Promise<unknown>): Promise<BoxkiteError> {
    const error = await promise.then(
      () => assert.fail("it should have been refused"),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof BoxkiteError, String(error));
    return error;
  }

  async function assertNothingLeft(): Promise<void> {
    assert.deepEqual(await readdir(join(folder, "work")), []);
  }

  test("an image is pushed, named by digest, and runs after the engine has lost it", async () => {
    const spec = specs.of(0, "pip");
    const result = await service.build(request(spec));
    assert.match(result.reference, new RegExp(`^${registry?.host}/org/pip@sha256:[0-9a-f]{64}$`));
    assert.equal(await registry?.resolve(`${registry.host}/${spec.target}`), result.record.digest);
    assert.equal(result.record.base.source, "registry");
    assert.match(result.record.containerfile, /^FROM .*\/team\/base@sha256:/m);
    await podman("image", "rm", "--force", result.record.imageId);
    assert.equal(
      await podman("run", "--rm", result.reference, "python", "-c", "import iniconfig; print('there')"),
      "there",
    );
    await assertNothingLeft();
  });

  test("what exists is answered without building, until the base's tag moves", async () => {
    const spec = specs.of(0, "source-file");
    const first = await service.build(request(spec));
    const before = jobs.length;
    const lines: string[] = [];
    const again = await service.build(request(spec, { onLog: (line) => lines.push(line) }));
    assert.deepEqual(
      [again.built, again.reference, jobs.length, lines.length],
      [false, first.reference, before, 1],
    );
    const name = spec.target.replace(/^org\//, "");
    assert.equal((await service.lookup(name))?.reference, first.reference);
    assert.equal(await service.lookup("file:0000"), undefined);

    await pushBase("second");
    assert.equal(await service.lookup(name), undefined);
    const moved = await service.build(request(spec));
    assert.ok(moved.built && moved.reference !== first.reference);
    assert.equal(await podman("run", "--rm", moved.reference, "printenv", "EDITION"), "second");
    assert.equal((await service.lookup(name))?.reference, moved.reference);
  });

  test("two equal builds at once are one, and both hear all of it", async () => {
    const spec = specs.of(0, "commands");
    const before = jobs.length;
    const logs: string[][] = [[], []];
    const results = await Promise.all(
      logs.map((lines) => service.build(request(spec, { onLog: (line) => lines.push(line) }))),
    );
    // It is the same job that is built again where other images were removed meanwhile.
    assert.equal(new Set(jobs.slice(before)).size, 1);
    assert.equal(results[0]?.reference, results[1]?.reference);
    assert.deepEqual(logs[0], logs[1]);
  });

  test("abort: one of two does not stop the other; the last one stops the build and leaves nothing", async () => {
    const spec = specs.of(0, "slow");
    const controllers = [new AbortController(), new AbortController()];
    const started = Promise.withResolvers<void>();
    const onLog = (line: string) => line === "started" && started.resolve();
    const waits = controllers.map(({ signal }) => service.build(request(spec, { onLog, signal })));
    const outcomes = Promise.allSettled(waits);
    await Promise.race([started.promise, outcomes]);
    controllers[0]?.abort(new Error("first"));
    await assert.rejects(waits[0] ?? assert.fail(), /first/);
    assert.equal(jobs.at(-1)?.signal.aborted, false);
    controllers[1]?.abort(new Error("second"));
    const [, second] = await outcomes;
    assert.match(String(second?.status === "rejected" && second.reason), /second/);
    await assertNothingLeft();
    // The engine may be building for others meanwhile; only this base is this test's own.
    const images = await listContainers("podman", ["--all", "--external", "--format", "{{.Image}}"]);
    assert.deepEqual(
      images.filter((image) => image.includes(`${registry?.host}/`)),
      [],
    );
    assert.equal(await service.lookup(spec.target.replace(/^org\//, "")), undefined);
  });

  test("a failed step says which, what it said last, and what to change", async () => {
    const error = await rejection(service.build(request(specs.of(0, "broken"))));
    assert.equal(error.code, "IMAGE_BUILD_FAILED");
    assert.match(
      error.message,
      /^image \S+ was not built: layer 2 \(pip packages\) failed\nstep: pip install .*no-such-thing-of-boxkite==1\.0\n/,
    );
    assert.doesNotMatch(error.message, /RUN|mktemp|python="/);
    assert.match(error.message, /No matching distribution found for no-such-thing-of-boxkite==1\.0/);
    assert.match(error.hint ?? "", /index has no such version/);
    await assertNothingLeft();
  });

  test("a push that fails records nothing and names nothing", async () => {
    const spec = specs.of(0, "env");
    const target = `127.0.0.1:${await freePort()}/${spec.target}`;
    const error = await rejection(service.build(request(spec, { target })));
    assert.equal(error.code, "REGISTRY_UNREACHABLE");
    assert.match(error.message, /was not built: cannot push 127\.0\.0\.1/);
    assert.equal(store.findByTarget(target), undefined);
    assert.equal(await builder.inspect(target), undefined);
    await assertNothingLeft();
  });

  test("a base that is nowhere, and a base for another architecture", async () => {
    const specOf = (baseImage: string) => toBinary(ImageSpecSchema, create(ImageSpecSchema, { baseImage }));
    const nowhere = {
      spec: specOf(`${registry?.host}/team/nothing:1`),
      context: undefined,
      target: "org/x:1",
    };
    assert.equal((await rejection(service.build(request(nowhere)))).code, "IMAGE_NOT_FOUND");

    const foreign = "localhost/boxkite-service/foreign:latest";
    const file = join(folder, "Containerfile.foreign");
    await writeFile(file, "FROM scratch\nCOPY Containerfile.foreign /\n");
    await podman("build", "--arch=s390x", "--tag", foreign, "--file", file, folder);
    const wrong = { spec: specOf(foreign), context: undefined, target: "org/x:2" };
    const error = await rejection(service.build(request(wrong)));
    assert.deepEqual([error.code, /s390x/.test(error.message)], ["IMAGE_WRONG_PLATFORM", true]);
  });

  test("a base without a shell still has a USER, and takes files", async () => {
    const name = "localhost/boxkite-service/bare:latest";
    const file = join(folder, "Containerfile.bare");
    await writeFile(join(folder, "passwd"), "nonroot:x:65532:65533::/:\n");
    await writeFile(file, "FROM scratch\nCOPY passwd /etc/passwd\nUSER nonroot\nWORKDIR /srv\n");
    await podman("build", "--tag", name, "--file", file, folder);
    const spec = toBinary(
      ImageSpecSchema,
      create(ImageSpecSchema, {
        baseImage: name,
        layers: [{ layer: { case: "copyConfig", value: { src: "empty", dst: "./here" } } }],
      }),
    );
    const result = await service.build(
      request({ spec, context: undefined, target: "org/boxkite-service-bare:1" }),
    );
    assert.match(result.record.containerfile, /COPY --chown=65532:65533 context\/empty \.\/here/);
  });

  test("certificates reach the steps and do not stay; a changed layer keeps the layers before it", async () => {
    const name = "localhost/boxkite-service/no-certificates:latest";
    const file = join(folder, "Containerfile.no-certificates");
    await writeFile(file, `FROM ${BASES.python311}\nRUN rm -rf /etc/pip.conf /etc/ssl/certs\n`);
    await podman("build", "--pull=never", "--tag", name, "--file", file, folder);
    const specOf = (packages: string[]) =>
      toBinary(
        ImageSpecSchema,
        create(ImageSpecSchema, {
          baseImage: name,
          layers: [
            { layer: { case: "commands", value: { cmd: ["echo kept > /kept"] } } },
            { layer: { case: "pipPackages", value: { packages } } },
          ],
        }),
      );
    const build = async (target: string, packages: string[]) => {
      const lines: string[] = [];
      const onLog = (line: string) => lines.push(line);
      const made = await service.build(
        request({ spec: specOf(packages), context: undefined, target }, { onLog }),
      );
      return { made, cached: lines.filter((line) => line.includes("Using cache")).length };
    };
    const one = await build("org/boxkite-service-ca:1", ["iniconfig==2.0.0"]);
    const two = await build("org/boxkite-service-ca:2", ["iniconfig==1.1.1"]);
    assert.ok(two.cached >= 2, `${two.cached} steps came from the cache`);
    const script = `env | grep -c /run/boxkite; find /run/boxkite /etc/ssl/certs -type f | wc -l; pip list | grep iniconfig; true`;
    const said = await podman("run", "--rm", two.made.reference, "sh", "-c", script);
    assert.match(said.replace(/^find: .*$/gm, ""), /^0\n0\niniconfig +1\.1\.1/);
    assert.notEqual(one.made.reference, two.made.reference);
  });

  test("a file of the same name with other content is another step", async () => {
    const spec = toBinary(
      ImageSpecSchema,
      create(ImageSpecSchema, {
        baseImage: base,
        layers: [{ layer: { case: "requirements", value: { file: "requirements.txt" } } }],
      }),
    );
    for (const version of ["2.0.0", "1.1.1"]) {
      const context = join(folder, "context.tar.gz");
      await writeFile(join(folder, "requirements.txt"), `iniconfig==${version}\n`);
      execFileSync("tar", ["czf", context, "-C", folder, "requirements.txt"]);
      const result = await service.build(request({ spec, context, target: "org/boxkite-service-req:1" }));
      const list = await podman("run", "--rm", result.reference, "pip", "list");
      assert.match(list, new RegExp(`iniconfig +${version}`));
    }
  });

  test("pixi where it is present: what the SDK makes of a project builds and runs", async () => {
    const name = "localhost/boxkite-service/with-pixi:latest";
    // Its download is out of reach of some machines; what it is asked to do is what the test is about.
    const pixi = `#!/bin/sh
test "$1 $2 $4 $5" = "install --manifest-path --environment default" && python -m venv "$(dirname "$3")/.pixi/envs/default"
`;
    const file = join(folder, "Containerfile.pixi");
    await writeFile(join(folder, "pixi"), pixi, { mode: 0o755 });
    await writeFile(file, `FROM ${BASES.python311}\nCOPY pixi /opt/pixi/bin/pixi\n`);
    await podman("build", "--pull=never", "--tag", name, "--file", file, folder);
    const made = request(specs.other("pixi"), { target: "boxkite-service/pixi:1" });
    const { reference } = await service.build({ ...made, spec: { ...made.spec, baseImage: name } });
    assert.equal(
      await podman("run", "--rm", reference, "sh", "-c", "command -v python; ls /opt/pixi-project"),
      "/opt/pixi-project/.pixi/envs/default/bin/python\npixi.toml",
    );
  });

  test("a Dockerfile of the user's own is refused by the SDK, as the documentation says", async () => {
    assert.match(specs.dockerfileRefusal, /Custom Dockerfile is not supported with remote image builder/);
  });

  test("the Containerfile is kept with the image, and is the same text from build to build", async () => {
    const spec = specs.of(0, "env");
    const first = await service.build(request(spec, { force: true }));
    const second = await service.build(request(spec, { force: true }));
    assert.equal(second.record.containerfile, first.record.containerfile);
    const kept = await store.findByTarget(first.record.target);
    assert.match(kept?.containerfile ?? "", /^FROM .*\n[^]*^# Layer 1: environment variables\nENV /m);
  });

  test("without a registry the image stays in the engine; the SDK's Debian image runs as its own user", async () => {
    const spec = specs.other("debian");
    const { reference } = await service.build(request(spec, { target: spec.target }));
    assert.match(reference, /^localhost\/org\/debian@sha256:/);
    assert.equal(
      await podman(
        "run",
        "--rm",
        reference,
        "sh",
        "-c",
        "id -un; pwd; command -v python; python -c 'import iniconfig'",
      ),
      "flyte\n/home/flyte\n/opt/venv/bin/python",
    );
    assert.equal((await service.lookup(spec.target.replace(/^org\//, "")))?.reference, reference);
    const layers = await builder.history(reference);
    assert.ok(layers.some((layer) => layer.createdBy.includes("iniconfig==2.0.0") && layer.sizeBytes > 0));
  });
});
