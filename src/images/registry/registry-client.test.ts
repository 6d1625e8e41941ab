import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { BoxkiteError } from "../../domain/errors.ts";
import { parseImageReference } from "../reference.ts";
import { createRegistryClient, type RegistryClientOptions } from "./registry-client.ts";
import { systemClock } from "../../lib/clock.ts";
import { registryFacts } from "../check/config-facts.ts";

const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";

interface Stored {
  readonly type: string;
  readonly bytes: Buffer;
  readonly digest: string;
}

function stored(type: string, content: unknown): Stored {
  const bytes = Buffer.from(JSON.stringify(content));
  return { type, bytes, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}` };
}

function imageFor(architecture: string, type = OCI_MANIFEST): { manifest: Stored; config: Stored } {
  const config = stored("application/vnd.oci.image.config.v1+json", {
    architecture,
    os: "linux",
  });
  const manifest = stored(type, {
    schemaVersion: 2,
    mediaType: type,
    config: { mediaType: config.type, digest: config.digest, size: config.bytes.length },
    layers: [
      {
        mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
        digest: `sha256:${"5".repeat(64)}`,
        size: 123,
      },
    ],
  });
  return { manifest, config };
}

/** A registry of these manifests by tag; `guard` may answer first. */
async function startFake(
  t: TestContext,
  tags: Record<string, Stored>,
  more: readonly Stored[] = [],
  guard: (request: IncomingMessage, response: ServerResponse, url: URL) => boolean = () => false,
) {
  const all = [...Object.values(tags), ...more];
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://fake");
    asked.push(`${request.method} ${url.pathname}`);
    if (guard(request, response, url)) return;
    if (url.pathname === "/v2/") return void response.end("{}");
    const name = url.pathname.split("/").at(-1) ?? "";
    const found = url.pathname.startsWith("/v2/team/app/")
      ? (tags[name] ?? all.find(({ digest }) => digest === name))
      : undefined;
    if (found === undefined) {
      response
        .writeHead(404)
        .end(JSON.stringify({ errors: [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }] }));
      return;
    }
    response.writeHead(200, { "Content-Type": found.type }).end(found.bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, asked, reference: (rest: string) => parseImageReference(`${host}/team/app${rest}`) };
}

const client = (options: RegistryClientOptions = {}) =>
  createRegistryClient({ platform: { os: "linux", architecture: "amd64" }, ...options });

async function rejects(code: string, work: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof BoxkiteError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.ok(error.hint);
    return true;
  });
}

test("a single manifest is pinned by the hash of its bytes, and its platform read", async (t) => {
  for (const type of [OCI_MANIFEST, DOCKER_MANIFEST]) {
    const { manifest, config } = imageFor("amd64", type);
    const fake = await startFake(t, { "1.0": manifest }, [config]);
    const expected = {
      digest: manifest.digest,
      mediaType: type,
      platforms: [{ os: "linux", architecture: "amd64" }],
    };
    assert.deepEqual(await client().resolve(fake.reference(":1.0")), expected);
    assert.deepEqual(await client().resolve(fake.reference(`@${manifest.digest}`)), expected);
  }
});

test("a list is pinned as it was pushed, whatever the platform", async (t) => {
  const amd = imageFor("amd64");
  const arm = imageFor("arm64");
  const list = stored(OCI_INDEX, {
    manifests: [
      {
        digest: arm.manifest.digest,
        mediaType: OCI_MANIFEST,
        size: 1,
        platform: { os: "linux", architecture: "arm64", variant: "v8" },
      },
      {
        digest: amd.manifest.digest,
        mediaType: OCI_MANIFEST,
        size: 1,
        platform: { os: "linux", architecture: "amd64" },
      },
      { digest: `sha256:${"9".repeat(64)}`, size: 1, platform: { os: "unknown", architecture: "unknown" } },
    ],
  });
  const fake = await startFake(t, { latest: list }, [amd.manifest, amd.config, arm.manifest, arm.config]);
  const resolved = await client().resolve(fake.reference(""));
  assert.equal(resolved.digest, list.digest);
  assert.deepEqual(
    resolved.platforms.map(({ architecture }) => architecture),
    ["arm64", "amd64"],
  );
  assert.equal(
    (await client({ platform: { os: "linux", architecture: "arm64" } }).resolve(fake.reference(""))).digest,
    list.digest,
  );

  const riscv = client({ platform: { os: "linux", architecture: "riscv64" } });
  await rejects(
    "IMAGE_WRONG_PLATFORM",
    riscv.resolve(fake.reference("")),
    /not for linux\/riscv64; it is for linux\/arm64\/v8, linux\/amd64/,
  );
});

test("an image of another architecture is refused, also without a list", async (t) => {
  const { manifest, config } = imageFor("arm64");
  const fake = await startFake(t, { latest: manifest }, [config]);
  await rejects(
    "IMAGE_WRONG_PLATFORM",
    client().resolve(fake.reference("")),
    /not for linux\/amd64; it is for linux\/arm64/,
  );
});

test("an image is described for this platform: layers of every compression, without attestations", async (t) => {
  const config = stored("application/vnd.oci.image.config.v1+json", {
    architecture: "amd64",
    os: "linux",
    config: {
      User: "app",
      WorkingDir: "/srv",
      Entrypoint: ["/entry.sh"],
      Env: ["PATH=/opt/venv/bin", "TOKEN=a=b", 7],
      Volumes: { "/data": {} },
      StopSignal: "SIGINT",
      Healthcheck: { Test: ["CMD", "true"] },
    },
  });
  const layer = (digit: string, type: string) => ({
    mediaType: `application/vnd.oci.image.layer.v1.${type}`,
    digest: `sha256:${digit.repeat(64)}`,
    size: 100,
  });
  const manifest = stored(OCI_MANIFEST, {
    config: { mediaType: config.type, digest: config.digest, size: 1 },
    layers: [layer("1", "tar+gzip"), layer("2", "tar+zstd"), layer("3", "tar"), layer("4", "squashfs")],
    annotations: {
      "org.opencontainers.image.base.name": "docker.io/library/python:3.11",
      "org.opencontainers.image.base.digest": `sha256:${"b".repeat(64)}`,
    },
  });
  const platform = { os: "linux", architecture: "amd64" };
  const list = stored(OCI_INDEX, {
    manifests: [
      { digest: manifest.digest, mediaType: OCI_MANIFEST, size: 1, platform },
      {
        digest: `sha256:${"9".repeat(64)}`,
        size: 1,
        platform: { os: "unknown", architecture: "unknown" },
        annotations: { "vnd.docker.reference.type": "attestation-manifest" },
      },
    ],
  });
  const fake = await startFake(t, { latest: list }, [manifest, config]);
  const details = await client().describe(fake.reference(""));
  assert.equal(details.digest, list.digest);
  const facts = registryFacts(details);
  assert.deepEqual([facts.platform, facts.platforms, facts.sizeBytes], ["linux/amd64", ["linux/amd64"], 400]);
  assert.deepEqual(
    facts.layers.map(({ compression }) => compression),
    ["gzip", "zstd", "none", "unknown"],
  );
  assert.deepEqual(facts.config, {
    user: "app",
    workdir: "/srv",
    entrypoint: ["/entry.sh"],
    cmd: [],
    env: { PATH: "/opt/venv/bin" },
    volumes: ["/data"],
    stopSignal: "SIGINT",
    healthcheck: true,
  });
  assert.equal(facts.base?.name, "docker.io/library/python:3.11");
  await rejects(
    "IMAGE_WRONG_PLATFORM",
    client({ platform: { os: "linux", architecture: "arm64" } }).describe(fake.reference("")),
    /it is for linux\/amd64/,
  );
});

test("a missing image tells the registry's answer", async (t) => {
  const fake = await startFake(t, {});
  await rejects(
    "IMAGE_NOT_FOUND",
    client().resolve(fake.reference(":9")),
    /has no image .*\/team\/app:9: manifest unknown/,
  );
});

test("an artifact that is no image is not taken for one", async (t) => {
  const fake = await startFake(t, { latest: stored("application/json", { schemaVersion: 1, name: "old" }) });
  await rejects("IMAGE_NOT_FOUND", client().resolve(fake.reference("")), /is not a container image/);
});

test("bytes that do not have the digest asked for are refused", async (t) => {
  const { manifest } = imageFor("amd64");
  const wrong = `sha256:${"0".repeat(64)}`;
  const fake = await startFake(t, { [wrong]: manifest });
  await rejects("REGISTRY_UNREACHABLE", client().resolve(fake.reference(`@${wrong}`)), /other content/);
});

test("a bearer token is fetched with the credentials, for this repository, and used again", async (t) => {
  const { manifest, config } = imageFor("amd64");
  const asked: string[] = [];
  const fake = await startFake(t, { latest: manifest }, [config], (request, response, url) => {
    const { authorization } = request.headers;
    if (url.pathname === "/token") {
      asked.push(`${url.search} ${authorization}`);
      if (authorization !== `Basic ${Buffer.from("me:secret").toString("base64")}`)
        response.writeHead(401).end();
      else response.end(JSON.stringify({ token: "T1", expires_in: 300 }));
      return true;
    }
    if (authorization === "Bearer T1") return false;
    const challenge = `Bearer realm="http://${request.headers.host}/token",service="fake, with comma"`;
    response
      .writeHead(401, { "WWW-Authenticate": challenge })
      .end(JSON.stringify({ errors: [{ message: "authentication required" }] }));
    return true;
  });
  const credentials = async () => ({ kind: "password", username: "me", password: "secret" }) as const;
  const registry = client({ credentials });
  assert.equal((await registry.resolve(fake.reference(""))).digest, manifest.digest);
  await registry.resolve(fake.reference(""));
  assert.equal(asked.length, 1);
  assert.match(asked[0] ?? "", /service=fake%2C\+with\+comma&scope=repository%3Ateam%2Fapp%3Apull /);

  const host = fake.host.replaceAll(".", "\\.");
  await rejects(
    "IMAGE_UNAUTHORIZED",
    client().resolve(fake.reference("")),
    new RegExp(`registry ${host} does not let us read`),
  );
});

test("an identity token is exchanged", async (t) => {
  const { manifest, config } = imageFor("amd64");
  const fake = await startFake(t, { latest: manifest }, [config], (request, response, url) => {
    if (url.pathname === "/token") {
      request.setEncoding("utf8").once("data", (body: string) => {
        const form = new URLSearchParams(body);
        const good = form.get("grant_type") === "refresh_token" && form.get("refresh_token") === "R";
        response.writeHead(good ? 200 : 400).end(JSON.stringify({ access_token: "T2" }));
      });
      return true;
    }
    if (request.headers.authorization === "Bearer T2") return false;
    response
      .writeHead(401, { "WWW-Authenticate": `Bearer realm="http://${request.headers.host}/token"` })
      .end();
    return true;
  });
  const registry = client({ credentials: async () => ({ kind: "identity", token: "R" }) });
  assert.equal((await registry.resolve(fake.reference(""))).digest, manifest.digest);
});

test("basic authorization is answered, and refused credentials say how to log in", async (t) => {
  const { manifest, config } = imageFor("amd64");
  const fake = await startFake(t, { latest: manifest }, [config], (request, response) => {
    if (request.headers.authorization === `Basic ${Buffer.from("me:secret").toString("base64")}`)
      return false;
    response.writeHead(401, { "WWW-Authenticate": 'Basic realm="x"' }).end();
    return true;
  });
  const password = (secret: string) => async () =>
    ({ kind: "password", username: "me", password: secret }) as const;
  assert.equal(
    (await client({ credentials: password("secret") }).resolve(fake.reference(""))).digest,
    manifest.digest,
  );
  await assert.rejects(
    client({ credentials: password("wrong") }).resolve(fake.reference("")),
    (error: unknown) => {
      assert.ok(error instanceof BoxkiteError && error.code === "IMAGE_UNAUTHORIZED");
      assert.ok(error.hint?.includes(`podman login ${fake.host}`));
      return true;
    },
  );
});

test("a registry that is not there or fails is unreachable, and not asked again at once", async (t) => {
  let nowMs = 1_000_000;
  const registry = client({ clock: { ...systemClock, now: () => nowMs } });
  const away = parseImageReference("127.0.0.1:1/x");
  await rejects(
    "REGISTRY_UNREACHABLE",
    registry.resolve(away),
    /127\.0\.0\.1:1 cannot be asked: .*(ECONNREFUSED|bad port)/,
  );

  let status = 503;
  const { manifest, config } = imageFor("amd64");
  const fake = await startFake(t, { latest: manifest }, [config], (_request, response) => {
    if (status === 200) return false;
    response.writeHead(status).end(JSON.stringify({ errors: [{ message: "too many requests" }] }));
    return true;
  });
  await rejects("REGISTRY_UNREACHABLE", registry.resolve(fake.reference("")), /status 503/);
  status = 200;
  await rejects("REGISTRY_UNREACHABLE", registry.resolve(fake.reference("")), /status 503/);
  assert.equal(fake.asked.length, 1);
  nowMs += 60_000;
  assert.equal((await registry.resolve(fake.reference(""))).digest, manifest.digest);
});
