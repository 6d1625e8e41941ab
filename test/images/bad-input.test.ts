/**
 * Bad input to builds, with a real engine and real registries, one of them behind a password: each is told by
 * its field or step, nothing is pushed or recorded, and no file is left.
 */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Header, pack } from "tar-stream";
import { BoxkiteError, type ErrorCode } from "../../src/domain/errors.ts";
import { createImageTools } from "../../src/platform/image-tools.ts";
import type { ImageBuilder } from "../../src/builds/builder.ts";
import { contextOfFile } from "../../src/builds/context.ts";
import { createImageBuildService, type ImageBuildService } from "../../src/builds/service.ts";
import { createMemoryBuildStore } from "../helpers/build-store.ts";
import { removeImagesOf } from "../helpers/engine.ts";
import { freePort, LOGIN, missingRegistry, startRegistry, type TestRegistry } from "../helpers/registry.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { ImageSpecSchema } from "../../src/wire/gen/flyteidl2/imagebuilder/definition_pb.js";
import { decodeImageSpec } from "../../src/wire/image-spec.ts";
import { BASES, noEngine, podman } from "./engine.ts";

const skip = await noEngine();
const GIB = 1024 ** 3;

type Layers = MessageInitShape<typeof ImageSpecSchema>["layers"];

interface Places {
  readonly open: string;
  readonly locked: string;
  /** Where nothing listens. */
  readonly dead: string;
}

interface Row {
  readonly name: string;
  /** @default the good base */
  readonly base?: (at: Places) => string;
  readonly layers?: Layers;
  /** Bytes behind the message that no field of it accounts for. */
  readonly unknown?: Uint8Array;
  readonly context?: () => Promise<string>;
  /** Where it is to be pushed. @default the open registry */
  readonly registry?: (at: Places) => string;
  readonly code: ErrorCode;
  readonly message: RegExp;
  readonly hint?: RegExp;
}

suite("bad input to a build", { skip }, () => {
  let folder: string;
  let temporary: string;
  let open: TestRegistry;
  let locked: TestRegistry;
  let places: Places;
  let builder: ImageBuilder;
  let service: ImageBuildService;
  const store = createMemoryBuildStore();
  const label = `boxkite.test=bad-input-${process.pid}`;
  const own = { CONTAINERS_REGISTRIES_CONF: "", REGISTRY_AUTH_FILE: "", TMPDIR: "" };
  const before_ = Object.fromEntries(Object.keys(own).map((name) => [name, process.env[name]]));

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "boxkite-bad-input-"));
    temporary = join(folder, "tmp");
    await mkdir(temporary);
    assert.equal(missingRegistry(), undefined);
    open = await startRegistry(join(folder, "open"));
    locked = await startRegistry(join(folder, "locked"), { login: true });
    places = { open: open.host, locked: locked.host, dead: `127.0.0.1:${await freePort()}` };
    own.CONTAINERS_REGISTRIES_CONF = join(folder, "registries.conf");
    own.REGISTRY_AUTH_FILE = join(folder, "auth.json");
    own.TMPDIR = temporary;
    Object.assign(process.env, own);
    // Nothing of it says that the registries speak plain HTTP: on localhost that is taken for granted.
    await writeFile(own.CONTAINERS_REGISTRIES_CONF, "");
    await logIn(true);
    await pushBase(`${open.host}/team/base:1`);
    await pushBase(`${locked.host}/team/base:1`);
    await pushBase(`${open.host}/team/foreign:1`, "--arch=s390x");
    await logIn(false);
    const tools = await createImageTools("podman", process.env);
    builder = tools.builder;
    service = createImageBuildService({
      ...tools,
      store,
      clock: systemClock,
      log: silentLogger,
      workDir: join(folder, "work"),
    });
  });

  after(async () => {
    await Promise.all([open?.stop(), locked?.stop()]);
    await removeImagesOf("podman", label);
    for (const [name, value] of Object.entries(before_)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await rm(folder, { recursive: true, force: true });
  });

  /** As `podman login` and `podman logout` leave it. */
  async function logIn(yes: boolean): Promise<void> {
    const auth = btoa(`${LOGIN.username}:${LOGIN.password}`);
    const content = { auths: yes ? { [locked.host]: { auth } } : {} };
    await writeFile(own.REGISTRY_AUTH_FILE, JSON.stringify(content), { mode: 0o600 });
  }

  /** It is not in the engine: a build has to fetch it. */
  async function pushBase(name: string, ...args: string[]): Promise<void> {
    const file = join(folder, "Containerfile");
    const from = args.length === 0 ? BASES.python311 : "scratch";
    await writeFile(file, `FROM ${from}\nLABEL ${label}\nCOPY Containerfile /${name.length}\n`);
    await podman("build", "--pull=never", ...args, "--tag", name, "--file", file, folder);
    await podman("push", "--tls-verify=false", name);
    await podman("image", "rm", name);
  }

  async function archive(entries: readonly (Partial<Header> & { name: string })[]): Promise<string> {
    const tar = pack();
    for (const header of entries) tar.entry(header, "");
    tar.finalize();
    const chunks: Uint8Array[] = [];
    for await (const chunk of tar as AsyncIterable<Uint8Array>) chunks.push(chunk);
    return await contextFile(gzipSync(Buffer.concat(chunks)));
  }

  async function contextFile(content: Uint8Array): Promise<string> {
    const file = join(folder, "context.tar.gz");
    await rm(file, { force: true });
    await writeFile(file, content);
    return file;
  }

  const command = (cmd: string): NonNullable<Layers>[number] => ({
    layer: { case: "commands", value: { cmd: [cmd] } },
  });
  const RUN_NOTHING: Layers = [command("true")];

  const ROWS: readonly Row[] = [
    {
      name: "the registry of the base does not answer",
      base: ({ dead }) => `${dead}/team/base:1`,
      code: "REGISTRY_UNREACHABLE",
      message: /127\.0\.0\.1:\d+/,
    },
    {
      name: "the registry of the base wants a password",
      base: ({ locked: host }) => `${host}/team/base:1`,
      code: "IMAGE_UNAUTHORIZED",
      message: /team\/base/,
      hint: /login/,
    },
    {
      name: "the base is not there",
      base: ({ open: host }) => `${host}/team/nothing:1`,
      code: "IMAGE_NOT_FOUND",
      message: /base image .*\/team\/nothing:1 is neither in its registry nor in the engine/,
      hint: /from_base/,
    },
    {
      name: "the base is for another architecture",
      base: ({ open: host }) => `${host}/team/foreign:1`,
      code: "IMAGE_WRONG_PLATFORM",
      message: /s390x/,
      hint: /podman build --platform linux\//,
    },
    {
      name: "the registry of the image does not answer",
      layers: RUN_NOTHING,
      registry: ({ dead }) => dead,
      code: "REGISTRY_UNREACHABLE",
      message: /^image \S+ was not built: cannot push 127\.0\.0\.1:\d+\/org\/image:/,
    },
    {
      name: "the registry of the image wants a password",
      layers: RUN_NOTHING,
      registry: ({ locked: host }) => host,
      code: "IMAGE_UNAUTHORIZED",
      message: /^image \S+ was not built: cannot push .*\/org\/image:/,
      hint: /podman login/,
    },
    {
      name: "a command fails",
      layers: [command("true"), command("echo what it said; exit 3")],
      code: "IMAGE_BUILD_FAILED",
      message:
        /^image \S+\/org\/image:bad\d+ was not built: layer 2 \(commands\) failed\nstep: RUN echo what it said; exit 3\nwhat it said\nexit status 3$/,
      hint: /layer 2/,
    },
    {
      name: "a context of 5 GiB",
      context: async () => {
        const file = await contextFile(new Uint8Array());
        await truncate(file, 5 * GIB);
        return file;
      },
      code: "LIMIT_EXCEEDED",
      message: /^image \S+ was not built: the uploaded build context is larger than 2048 MiB$/,
      hint: /dockerignore/,
    },
    {
      name: "a small archive of a file of 5 GiB",
      context: () => header({ name: "weights.bin", size: 5 * GIB }),
      code: "LIMIT_EXCEEDED",
      message:
        /^image \S+ was not built: the unpacked build context \(at weights\.bin\) is larger than 4096 MiB$/,
      hint: /dockerignore/,
    },
    {
      name: "a file of the context climbs out of it",
      context: () => archive([{ name: "../evil" }]),
      code: "INVALID_ARGUMENT",
      message: /"\.\.\/evil", which leads out of it/,
    },
    {
      name: "a link of the context leads to a file of the machine",
      context: () => archive([{ name: "passwd", type: "symlink", linkname: "/etc/passwd" }]),
      code: "INVALID_ARGUMENT",
      message: /passwd, a link to \/etc\/passwd, which leads out of it/,
    },
    {
      name: "a layer copies a file of the machine",
      layers: [{ layer: { case: "copyConfig", value: { src: "/etc/passwd", dst: "." } } }],
      code: "INVALID_ARGUMENT",
      message: /layer 1: the source to copy, "\/etc\/passwd", leads out of the build context/,
    },
    {
      name: "a layer names a file that was not sent",
      layers: [{ layer: { case: "requirements", value: { file: "requirements.txt" } } }],
      code: "INVALID_ARGUMENT",
      message:
        /^image \S+ was not built: layer 1 \(requirements file\): requirements\.txt is not in the uploaded build context$/,
    },
    {
      name: "a specification with a field that is not known",
      unknown: Uint8Array.of(0x98, 0x06, 0x01),
      code: "FIELD_NOT_SUPPORTED",
      message: /image specification: .*does not know \(field 99 of ImageSpec\)/,
      hint: /Upgrade/,
    },
  ];

  /** The first block of an archive whose file never comes. */
  async function header(entry: { name: string; size: number }): Promise<string> {
    const tar = pack();
    tar.entry(entry, () => {});
    const first = (await (tar as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]().next()) as {
      value: Uint8Array;
    };
    tar.destroy();
    return await contextFile(gzipSync(first.value));
  }

  async function build(row: Row, tag: string) {
    const spec = toBinary(
      ImageSpecSchema,
      create(ImageSpecSchema, {
        baseImage: row.base?.(places) ?? `${open.host}/team/base:1`,
        layers: row.layers ?? [],
      }),
    );
    const target = `${row.registry?.(places) ?? open.host}/org/image:${tag}`;
    const file = await row.context?.();
    const context = file === undefined ? undefined : contextOfFile(file);
    const attempt = async () =>
      await service.build({
        spec: decodeImageSpec(Buffer.concat([spec, row.unknown ?? new Uint8Array()])),
        context,
        target,
        force: false,
        // Its registries are on loopback.
        isTrusted: true,
        onLog: () => {},
        signal: new AbortController().signal,
      });
    return { target, attempt };
  }

  ROWS.forEach((row, number) => {
    test(row.name, async () => {
      const { target, attempt } = await build(row, `bad${number}`);
      const error = await attempt().then(
        () => assert.fail("it should have been refused"),
        (thrown: unknown) => thrown,
      );
      assert.ok(error instanceof BoxkiteError, String(error));
      assert.equal(error.code, row.code, error.message);
      assert.match(error.message, row.message);
      assert.match(error.hint ?? "", row.hint ?? /^/);
      for (const registry of [open, locked]) assert.equal(await registry.resolve(target), undefined);
      assert.equal(store.findByTarget(target), undefined);
      assert.equal(await builder.inspect(target), undefined);
      assert.deepEqual(await readdir(join(folder, "work")).catch(() => []), []);
      assert.deepEqual(await readdir(temporary), []);
    });
  });

  test("what wanted a password goes through after the engine's own login, without a restart", async () => {
    await logIn(true);
    try {
      const row = {
        base: ({ locked: host }: Places) => `${host}/team/base:1`,
        registry: ({ locked: host }: Places) => host,
        layers: RUN_NOTHING,
      };
      const { target, attempt } = await build({ ...(row as unknown as Row) }, "good");
      const { record } = await attempt();
      assert.equal(await locked.resolve(target), record.digest);
    } finally {
      await logIn(false);
    }
  });
});
