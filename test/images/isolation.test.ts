/** What reaches the steps of a build, and what stays in the image; asked of a real engine. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { createPodmanBuilder } from "../../src/builds/podman.ts";
import { createImageBuildService } from "../../src/builds/service.ts";
import { createMemoryBuildStore } from "../helpers/build-store.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { ImageSpecSchema } from "../../src/wire/gen/flyteidl2/imagebuilder/definition_pb.js";
import { decodeImageSpec } from "../../src/wire/image-spec.ts";
import { stockPython } from "../helpers/stock-sdk.ts";
import { writeStandInWheel } from "../helpers/wheels.ts";
import { removeImagesOf } from "../helpers/engine.ts";
import { BASES, noEngine, podman } from "./engine.ts";

const skip = await noEngine();

// The package index of these tests listens on loopback, which only this isolation shares with build steps.
process.env["BUILDAH_ISOLATION"] ??= "chroot";

type Layers = NonNullable<MessageInitShape<typeof ImageSpecSchema>["layers"]>;

suite("what reaches a build, and what stays", { skip }, () => {
  const label = `boxkite.test=isolation-${process.pid}`;
  const base = `localhost/boxkite-isolation-${process.pid}/base:1`;
  /** Not to be found in any image; specifications only say it in part, or they would hold it themselves. */
  const marker = `marker-${randomBytes(8).toString("hex")}`;
  let folder: string;
  let builds = 0;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "boxkite-isolation-"));
    const file = join(folder, "Containerfile");
    await writeFile(file, `FROM ${BASES.python311}\nLABEL ${label}\n`);
    await podman("build", "--pull=never", "--tag", base, "--file", file, folder);
  });

  after(async () => {
    await removeImagesOf("podman", label);
    await rm(folder, { recursive: true, force: true });
  });

  async function build(
    layers: Layers,
    options: Parameters<typeof createPodmanBuilder>[0] = {},
    secret?: string,
    onLog: (line: string) => void = () => {},
    baseImage = base,
  ) {
    const service = createImageBuildService({
      builder: await createPodmanBuilder(options),
      store: createMemoryBuildStore(),
      registry: { resolve: async () => undefined },
      clock: systemClock,
      log: silentLogger,
      workDir: join(folder, "work"),
    });
    const spec = toBinary(ImageSpecSchema, create(ImageSpecSchema, { baseImage, layers }));
    return await service.build({
      spec: decodeImageSpec(spec),
      context: undefined,
      target: `boxkite-isolation-${process.pid}/image:${++builds}`,
      force: false,
      readSecret: async () => secret,
      onLog,
      signal: AbortSignal.timeout(240_000),
    });
  }

  const commands = (...cmd: string[]): Layers[number] => ({ layer: { case: "commands", value: { cmd } } });

  /** Files that hold the marker, and all that the engine says of the image. */
  async function everythingOf(reference: string): Promise<string> {
    // Whatever its name and its times say: a file that was written a while ago cannot hold it.
    const script = `find / -xdev -type f -cmin -30 -exec grep -l ${marker} {} +; env`;
    const [inside, inspect, history] = await Promise.all([
      podman("run", "--rm", "--network=none", reference, "sh", "-c", script),
      podman("image", "inspect", reference),
      podman("history", "--no-trunc", reference),
    ]);
    return [inside, inspect, history].join("\n");
  }

  test("no variable and no file of the machine reaches a step", async () => {
    const secretFile = join(folder, "of-the-machine");
    await writeFile(secretFile, marker);
    const env = { ...process.env, OF_THE_MACHINE: marker };
    const { reference } = await build(
      [
        { layer: { case: "env", value: { envVariables: { EXPANDED: "[$OF_THE_MACHINE]" } } } },
        commands(
          "env > /seen.env",
          "cut -d' ' -f2 /proc/self/mounts > /seen.mounts",
          `test ! -e ${folder} && echo "not there" > /seen.folder`,
        ),
      ],
      { env },
    );
    assert.doesNotMatch(await everythingOf(reference), new RegExp(marker));
    const seen = await podman("run", "--rm", reference, "sh", "-c", "echo $EXPANDED; cat /seen.folder");
    assert.equal(seen, "[]\nnot there");
    const mounts = (await podman("run", "--rm", reference, "cat", "/seen.mounts")).split("\n");
    // With chroot isolation the list is that of the machine; the paths are then under the step's own root.
    const foreign = mounts.filter((path) => path.startsWith(folder) || path.startsWith("/home"));
    assert.deepEqual(foreign, []);
  });

  test("neither the server's secrets nor its credentials reach a step, a layer, the log, the record or an error", async () => {
    const auth = Buffer.from(`ci:${marker}`).toString("base64");
    const authFile = join(folder, "auth.json");
    await writeFile(authFile, JSON.stringify({ auths: { "registry.invalid": { auth } } }));
    const env = {
      ...process.env,
      REGISTRY_AUTH_FILE: authFile,
      BOXKITE_BUILD_SECRET_OTHER: marker,
      REGISTRY_PASSWORD: marker,
    };
    const login = { username: "ci", password: async () => marker };
    const registries = new Map([["registry.invalid", { login }]]);
    // In pieces, or the specification itself would hold what is searched.
    const [head, tail] = [marker.slice(0, 12), marker.slice(12)];
    const [authHead, authTail] = [auth.slice(0, 10), auth.slice(10)];
    const search = [
      `for p in "${head}""${tail}" "${authHead}""${authTail}"; do`,
      // Also the variables, and the open files, of every process that the step can see.
      `  grep -sla "$p" /proc/[0-9]*/environ /proc/[0-9]*/cmdline && echo found a process;`,
      `  env | grep -q "$p" && echo found a variable;`,
      `  grep -slra "$p" /run /etc /root /tmp /var/run /home && echo found a file; done; true`,
    ].join(" ");
    const lines: string[] = [];
    const layers = [
      {
        layer: {
          case: "commands",
          value: { cmd: [search], secretMounts: [{ key: "mine", envVar: "MINE" }] },
        },
      },
      commands(`test -z "$MINE" && test ! -e /run/boxkite/secret-mine && echo not there > /seen`),
    ] satisfies Layers;
    const own = "the secret that the layer mounts";
    const { reference, record } = await build(layers, { env, registries }, own, (line) => lines.push(line));
    const said = lines.join("\n");
    assert.doesNotMatch(said, /^found /m);
    for (const text of [said, JSON.stringify(record), await everythingOf(reference)]) {
      assert.ok(![marker, auth, own].some((secret) => text.includes(secret)));
    }
    assert.equal(await podman("run", "--rm", reference, "cat", "/seen"), "not there");

    const failing = [commands("exit 3")];
    await assert.rejects(build(failing, { env, registries }, own), (error: Error) =>
      [marker, auth, own].every((secret) => !`${error.message}${error.stack}`.includes(secret)),
    );
  });

  test("a base cannot bring instructions that mount another image", async (t) => {
    const name = `localhost/boxkite-isolation-${process.pid}/triggers:1`;
    const file = join(folder, "Triggers");
    const trigger = `ONBUILD RUN --mount=type=bind,from=${BASES.python310},target=/x ls /x > /stolen`;
    await writeFile(file, `FROM ${BASES.python311}\nLABEL ${label}\n${trigger}\n`);
    await podman("build", "--pull=never", "--format=docker", "--tag", name, "--file", file, folder);
    t.after(() => podman("image", "rm", name));
    await assert.rejects(build([commands("true")], {}, undefined, undefined, name), {
      code: "IMAGE_BUILD_FAILED",
      message: /ONBUILD/,
    });
  });

  test("proxy and certificates of the machine reach the steps and do not stay", async () => {
    const certificates = join(folder, "authorities.pem");
    const usual = process.env["SSL_CERT_FILE"] ?? "/etc/ssl/certs/ca-certificates.crt";
    await writeFile(certificates, `${await readFile(usual, "utf8").catch(() => "")}\n# ${marker}\n`);
    const { reference } = await build(
      [
        commands(
          'case "$HTTPS_PROXY" in *marker-*) echo yes > /seen.proxy;; esac',
          'grep -q "# marker-" "$SSL_CERT_FILE" && echo yes > /seen.authorities',
        ),
      ],
      { certificates, proxy: { HTTPS_PROXY: `http://${marker}.invalid:3128` } },
    );
    const script = "cat /seen.proxy /seen.authorities; echo [$HTTPS_PROXY$SSL_CERT_FILE$PIP_CERT]";
    assert.equal(await podman("run", "--rm", reference, "sh", "-c", script), "yes\nyes\n[]");
    assert.doesNotMatch(await everythingOf(reference), new RegExp(marker));
  });

  test("what one build downloaded with a secret is not there for another without it", async (t) => {
    await writeStandInWheel(stockPython(), folder, "private_package", "1.0");
    const wheel = await readFile(join(folder, "private_package-1.0-py3-none-any.whl"));
    const asked: string[] = [];
    const server = createServer((request, response) => {
      const authorised = request.headers.authorization === `Basic ${btoa(`user:${marker}`)}`;
      asked.push(authorised ? "with" : "without");
      if (!authorised) return void response.writeHead(401, { "www-authenticate": "Basic" }).end();
      // An index tells clients to keep what never changes.
      response.writeHead(200, { "cache-control": "max-age=86400, immutable" }).end(wheel);
    });
    t.after(() => server.closeAllConnections());
    t.after(() => server.close());
    const at = await addressOf(server);
    const path = "files/private_package-1.0-py3-none-any.whl";
    const pip = (login: string, secret: boolean): Layers[number] => ({
      layer: {
        case: "pipPackages",
        value: {
          packages: [`private_package @ http://${login}${at}/${path}`],
          // pip keeps what came over plain HTTP only if it is told to trust the place.
          options: { extraArgs: "--trusted-host 127.0.0.1" },
          secretMounts: secret ? [{ key: "token", envVar: "TOKEN" }] : [],
        },
      },
    });
    const { reference } = await build([pip("user:$TOKEN@", true)], {}, marker);
    assert.doesNotMatch(await everythingOf(reference), new RegExp(marker));
    // The cache works for those who have the secret: another image, and nothing is asked.
    const before = asked.length;
    await build([commands("true"), pip("user:$TOKEN@", true)], {}, marker);
    assert.equal(asked.length, before);

    await assert.rejects(build([pip("", false)]), { code: "IMAGE_BUILD_FAILED", message: /401/ });
  });
});

async function addressOf(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
