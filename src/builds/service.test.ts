/** What the service does around a build. test/images holds it against a real engine. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { BoxkiteError } from "../domain/errors.ts";
import { silentLogger } from "../lib/log.ts";
import { BuildFailed, type BuildJob, type ImageBuilder } from "./builder.ts";
import type { EngineImage } from "../containers/types.ts";
import type { ImageSpec, SecretMount } from "../images/image-spec.ts";
import { mayUse } from "./ownership.ts";
import { createImageBuildService, type ImageBuildRequest } from "./service.ts";
import { createMemoryBuildStore } from "../../test/helpers/build-store.ts";
import { systemClock } from "../lib/clock.ts";

const DIGEST = `sha256:${"d".repeat(64)}`;

function specWith(secrets: readonly SecretMount[]): ImageSpec {
  return {
    baseImage: "team/base:1",
    pythonVersion: "3.11",
    platforms: [],
    layers: [{ kind: "commands", commands: ["make"], secrets }],
  };
}

async function setup(t: TestContext, options: { readonly fromId?: boolean } = {}) {
  const workDir = await mkdtemp(join(tmpdir(), "boxkite-service-"));
  t.after(() => rm(workDir, { recursive: true, force: true }));
  const jobs: BuildJob[] = [];
  const images = new Map<string, EngineImage>();
  const image = (id: string): EngineImage => ({
    id,
    digests: [],
    names: [],
    architecture: "amd64",
    os: "linux",
    sizeBytes: 7,
    user: "1500",
    workdir: "/",
    env: {},
    entrypoint: [],
    cmd: [],
    volumes: [],
    stopSignal: "",
    healthcheck: false,
    layers: [],
  });
  images.set("docker.io/team/base:1", image("sha256:base"));
  const remote = new Map<string, string>();
  const during = { build: async (_job: BuildJob) => {} };
  const registry = {
    down: false,
    resolve: async (reference: string) => {
      if (registry.down) throw new BoxkiteError("REGISTRY_UNREACHABLE", "down");
      return remote.get(reference);
    },
  };
  const builder: ImageBuilder = {
    description: "fake",
    mounts: true,
    fromId: options.fromId ?? true,
    certificates: false,
    architecture: "amd64",
    build: async (job) => {
      jobs.push(job);
      job.onLog("building");
      await during.build(job);
      images.set(`sha256:image${jobs.length}`, image(`sha256:image${jobs.length}`));
      return { imageId: `sha256:image${jobs.length}` };
    },
    pull: async () => {},
    inspect: async (reference) =>
      images.get(reference) ?? [...images.values()].find(({ id }) => id === reference),
    tag: async (id, name) => void images.set(name, images.get(id) ?? image(id)),
    push: async (_id, name) => {
      remote.set(name, DIGEST);
      remote.set(name.replace(/:[^:/]*$/, `@${DIGEST}`), DIGEST);
      return DIGEST;
    },
    remove: async (name) => void images.delete(name),
    history: async () => [],
    runShell: async (_image, args) => `${args[3]} begin sh\n${args[3]} uid 1500\n${args[3]} gid 0\n`,
    readFile: async () => undefined,
  };
  const store = createMemoryBuildStore();
  let now = 1000;
  const service = createImageBuildService({
    builder,
    store,
    registry,
    clock: { ...systemClock, now: () => now++, sleep: async () => {} },
    log: silentLogger,
    workDir,
  });
  const request = (options: Partial<ImageBuildRequest> = {}): ImageBuildRequest => ({
    spec: specWith([]),
    context: undefined,
    target: "r.invalid/org/x:1",
    force: false,
    onLog: () => {},
    signal: new AbortController().signal,
    ...options,
  });
  return { service, request, jobs, images, remote, registry, during, store, workDir };
}

suite("image build service", () => {
  test("builds, pushes, records; then knows it; force builds again without the cache", async (t) => {
    const { service, request, jobs, store } = await setup(t);
    const first = await service.build(request());
    assert.equal(first.reference, `r.invalid/org/x@${DIGEST}`);
    assert.equal((await service.build(request())).built, false);
    assert.equal((await service.build(request({ force: true }))).built, true);
    assert.deepEqual(
      jobs.map((job) => job.noCache),
      [false, true],
    );
    assert.equal(store.records.length, 1);
    assert.deepEqual(store.records[0]?.base, {
      reference: "docker.io/team/base:1",
      source: "engine",
      digest: "sha256:base",
    });
  });

  test("a lookup compares the base, and asks where the image is", async (t) => {
    const { service, request, images, remote, registry } = await setup(t);
    await service.build(request());
    assert.ok(await service.lookup("x:1"));
    assert.equal(await service.lookup("x:2"), undefined);

    registry.down = true;
    assert.ok(await service.lookup("x:1"), "out of reach: the engine's own images decide");
    registry.down = false;

    remote.delete(`r.invalid/org/x@${DIGEST}`);
    assert.equal(await service.lookup("x:1"), undefined, "gone from the registry");
    remote.set(`r.invalid/org/x@${DIGEST}`, DIGEST);

    const base = images.get("docker.io/team/base:1") ?? assert.fail();
    images.set("docker.io/team/base:1", { ...base, id: "sha256:other" });
    assert.equal(await service.lookup("x:1"), undefined, "the tag moved");
    images.set("docker.io/team/base:1", { ...base, digests: ["docker.io/team/base@sha256:pushed"] });
    remote.set("docker.io/team/base:1", "sha256:pushed");
    assert.ok(await service.lookup("x:1"), "the same base, which by now has been pushed");
  });

  test("a platform that the builder does not make is refused; one of several is made, with a note", async (t) => {
    const { service, request } = await setup(t);
    const spec = (...platforms: string[]) => ({ ...specWith([]), platforms });
    await assert.rejects(service.build(request({ spec: spec("linux/arm64") })), {
      code: "IMAGE_WRONG_PLATFORM",
      message:
        "image r.invalid/org/x:1 was not built: platform linux/arm64 is asked for; the builder makes linux/amd64",
      hint: /platform=/,
    });
    const lines: string[] = [];
    const onLog = (line: string) => lines.push(line);
    await service.build(request({ spec: spec("linux/amd64", "linux/arm64"), onLog }));
    assert.ok(lines.includes("Note: linux/arm64 is not built; this builder makes linux/amd64 only"));
  });

  test("secrets are files of one build, and a missing one is named", async (t) => {
    const { service, request, during, workDir } = await setup(t);
    const spec = specWith([{ key: "pat", group: "git", variable: "PAT" }]);
    await assert.rejects(service.build(request({ spec })), {
      code: "INVALID_ARGUMENT",
      message: /secret git_pat/,
      hint: /BOXKITE_BUILD_SECRET_GIT_PAT /,
    });
    let value = "";
    during.build = async (job) => {
      value = await readFile(job.secrets[0]?.file ?? "", "utf8");
      assert.doesNotMatch(await readFile(job.containerfile, "utf8"), /s3cret/);
    };
    await service.build(request({ spec, readSecret: async () => "s3cret" }));
    assert.equal(value, "s3cret");
    assert.deepEqual(await readdir(workDir), []);
  });

  const A = { project: "a", domain: "development" };
  const B = { project: "b", domain: "development" };
  const local = "localhost/team/x:1";
  const otherSpec = {
    ...specWith([]),
    layers: [{ kind: "commands" as const, commands: ["evil"], secrets: [] }],
  };

  test("a name belongs to its first builder; equal content is shared without a build", async (t) => {
    const { service, request, jobs, store } = await setup(t);
    const first = await service.build(request({ target: local, owner: A }));
    assert.equal(await service.lookup("x:1", { isUsable: (record) => mayUse(record, B) }), undefined);
    // Another Python of the client is another specification, and the same image.
    const spec = { ...specWith([]), pythonVersion: "3.12" };
    assert.equal((await service.build(request({ target: local, owner: B }))).built, false);
    assert.ok(await service.lookup("x:1", { isUsable: (record) => mayUse(record, B) }));
    await service.build(request({ target: local, owner: B, spec }));
    assert.deepEqual([store.records[0]?.owner, store.records[0]?.users], [A, [B]]);
    const built = jobs.length;

    await assert.rejects(service.build(request({ target: local, owner: B, spec: otherSpec, force: true })), {
      code: "PERMISSION_DENIED",
      message: /localhost\/team\/x:1 belongs to a\/development/,
      hint: /another name.*build it in a\/development/,
    });
    assert.equal(jobs.length, built);
    assert.equal((await store.findByTarget(local))?.containerfile, first.record.containerfile);
    // Its owner may, and so may the operator.
    assert.equal((await service.build(request({ target: local, owner: A, spec: otherSpec }))).built, true);
    assert.equal((await service.build(request({ target: local }))).built, true);
  });

  test("a name without an owner is claimed by the first that builds it", async (t) => {
    const { service, request, store } = await setup(t);
    await service.build(request({ target: local }));
    await service.build(request({ target: local, owner: A, spec: otherSpec }));
    assert.deepEqual(store.records[0]?.owner, A);
    await assert.rejects(service.build(request({ target: local, owner: B })), { code: "PERMISSION_DENIED" });
  });

  test("where projects are separated, bases and images of others are not free to take", async (t) => {
    const { service, request, images, remote } = await setup(t);
    const { record } = await service.build(request({ target: local, owner: A, separated: true }));
    for (const baseImage of [local, record.reference]) {
      const spec = { ...otherSpec, baseImage };
      const on = (owner: typeof A, tag: string) =>
        service.build(
          request({ target: `localhost/on/${owner.project}:${tag}`, owner, spec, separated: true }),
        );
      await assert.rejects(on(B, "1"), {
        code: "PERMISSION_DENIED",
        message: /base image .* belongs to a\//,
      });
      assert.ok((await on(A, "1")).reference);
    }

    images.set("localhost/by/hand:1", images.get(local) ?? assert.fail());
    remote.set("r.invalid/by/ci:1", DIGEST);
    for (const target of ["localhost/by/hand:1", "r.invalid/by/ci:1"]) {
      await assert.rejects(service.build(request({ target, owner: A, separated: true })), {
        code: "PERMISSION_DENIED",
        message: /exists, and no build of this server made it/,
      });
      assert.ok(await service.build(request({ target, owner: A })));
    }
  });

  test("an image that was built with a secret is not given to who may not use the secret", async (t) => {
    const { service, request } = await setup(t);
    const spec = specWith([{ key: "pat", group: "git", variable: "PAT" }]);
    await service.build(request({ target: local, owner: A, spec, readSecret: async () => "s3cret" }));
    const readSecret = async () => {
      throw new BoxkiteError("PERMISSION_DENIED", "not yours");
    };
    await assert.rejects(service.build(request({ target: local, owner: B, spec, readSecret })), {
      code: "PERMISSION_DENIED",
    });
  });

  test("a build that is not trusted with the cache of downloads does not get it", async (t) => {
    const { service, request } = await setup(t);
    const layers = [
      {
        kind: "pip" as const,
        packages: ["x"],
        options: { indexUrl: "", extraIndexUrls: [], pre: false, extraArgs: "" },
        secrets: [],
      },
    ];
    // The base of this fake has no Python; a variable could bring one.
    const spec = {
      ...specWith([]),
      layers: [{ kind: "env" as const, variables: { PATH: "/x" } }, ...layers],
    };
    const text = async (tag: string, downloadCache: boolean) =>
      (await service.build(request({ target: `${local}${tag}`, spec, downloadCache }))).record.containerfile;
    assert.match(await text("1", true), /type=cache/);
    assert.doesNotMatch(await text("2", false), /type=cache/);
  });

  test("a request that comes after an abort starts a build of its own", async (t) => {
    const { service, request, jobs, during } = await setup(t);
    const running = Promise.withResolvers<void>();
    during.build = (job) =>
      new Promise((_, reject) => {
        job.signal.addEventListener("abort", () => reject(job.signal.reason));
        running.resolve();
      });
    const controller = new AbortController();
    const first = service.build(request({ signal: controller.signal }));
    await running.promise;
    controller.abort(new Error("enough"));
    during.build = async () => {};
    const second = service.build(request());
    await assert.rejects(first, /enough/);
    assert.equal((await second).built, true);
    assert.equal(jobs.length, 2);
  });

  test("an abort does not wait for a registry that does not answer", async (t) => {
    const { service, request, registry } = await setup(t);
    const asked = Promise.withResolvers<void>();
    registry.resolve = () => (asked.resolve(), new Promise(() => {}));
    const controller = new AbortController();
    const building = service.build(request({ signal: controller.signal }));
    await asked.promise;
    controller.abort(new Error("enough"));
    await assert.rejects(building, /enough/);
  });

  const lost =
    "Error: checking if cached image exists from a previous build: getting top layer info: layer not known";

  test("a build that the removal of another image disturbs is built again", async (t) => {
    const { service, request, jobs, during } = await setup(t);
    during.build = async () => {
      if (jobs.length < 3) throw new BuildFailed(125, { step: 1 }, [lost]);
    };
    const lines: string[] = [];
    assert.equal((await service.build(request({ onLog: (line) => lines.push(line) }))).built, true);
    assert.equal(jobs.length, 3);
    assert.equal(lines.filter((line) => line.endsWith("building again")).length, 2);

    during.build = () => Promise.reject(new BuildFailed(125, { step: 1 }, [lost]));
    await assert.rejects(service.build(request({ force: true })), {
      code: "ENGINE_FAILED",
      message: /layer not known/,
      hint: /Run again/,
    });
  });

  test("what a step prints is not taken for the engine's word", async (t) => {
    const { service, request, jobs, during } = await setup(t);
    during.build = () => Promise.reject(new BuildFailed(1, { step: 1 }, [lost, "Error: exit status 1"]));
    await assert.rejects(service.build(request()), { code: "IMAGE_BUILD_FAILED" });
    assert.equal(jobs.length, 1);
  });

  test("a base that a builder can only name is refused when its name moved meanwhile", async (t) => {
    const { service, request, images, during, store } = await setup(t, { fromId: false });
    const other = { ...(images.get("docker.io/team/base:1") ?? assert.fail()), id: "sha256:other" };
    during.build = async () => void images.set("docker.io/team/base:1", other);
    await assert.rejects(service.build(request()), /team\/base:1 was replaced in the engine/);
    assert.equal(store.records.length, 0);
    during.build = async () => {};
    const { record } = await service.build(request());
    assert.match(record.containerfile, /^FROM docker\.io\/team\/base:1$/m);
    assert.equal(record.base.digest, "sha256:other");
  });

  test("sweep takes the folders of dead builds and nothing else", async (t) => {
    const { service, workDir } = await setup(t);
    const dead = spawnSync("true").pid;
    const alive = process.ppid;
    await mkdir(join(workDir, `build-${dead}-abc/root`), { recursive: true });
    await mkdir(join(workDir, `build-${alive}-abc`));
    await mkdir(join(workDir, "other"));
    await service.sweep();
    assert.deepEqual((await readdir(workDir)).toSorted(), [`build-${alive}-abc`, "other"]);
  });

  test("sweep ends what still builds for a dead server, its steps first", async (t) => {
    const { service, workDir } = await setup(t);
    const folder = join(workDir, `build-${spawnSync("true").pid}-abc`);
    await mkdir(folder);
    // A builder whose step fails clears up and ends by itself; here that is a file.
    const cleared = join(workDir, "cleared");
    const script = `sleep 300; echo "$?" > ${cleared}`;
    const builder = spawn("sh", ["-c", script, `${folder}/Containerfile`], {
      detached: true,
      stdio: "ignore",
    });
    const ended = once(builder, "exit");
    await service.sweep();
    await ended;
    assert.equal(await readFile(cleared, "utf8"), "137\n");
    assert.deepEqual(await readdir(workDir), ["cleared"]);
  });
});
