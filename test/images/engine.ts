/** Podman for tests: there, or a skip with its reason; REQUIRE_ENGINES=podman makes the skip a failure. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createPodmanBuilder } from "../../src/builds/podman.ts";
import { hostCertificates, hostProxy } from "../../src/builds/build-environment.ts";
import type { ImageBuilder } from "../../src/builds/builder.ts";
import { parseImageReference } from "../../src/images/reference.ts";
import { messageOf } from "../../src/domain/errors.ts";
import { engineOutput } from "../helpers/engine.ts";

export async function podman(...args: string[]): Promise<string> {
  return await engineOutput("podman", args);
}

/** The bases that the tests stand on; scripts/base-images makes stand-ins where no registry has them. */
export const BASES = {
  python311: "docker.io/library/python:3.11-slim",
  python310: "docker.io/library/python:3.10-slim",
  conda: "docker.io/continuumio/miniconda3:latest",
} as const;

/** Why the engine tests cannot run here; false where they can. */
export async function noEngine(): Promise<string | false> {
  try {
    await podman("info");
    for (const base of Object.values(BASES)) await podman("image", "exists", base);
    return false;
  } catch (error) {
    if ((process.env["REQUIRE_ENGINES"] ?? "").includes("podman")) throw error;
    return `no podman with the test's base images: ${messageOf(error).split("\n")[0]}`;
  }
}

export async function testBuilder(): Promise<ImageBuilder> {
  return await createPodmanBuilder({ certificates: hostCertificates(), proxy: hostProxy() });
}

/** A package index with one wheel, once for all and once behind a password. */
export async function startIndex(
  wheel: () => { readonly name: string; readonly bytes: Buffer },
  password: string,
): Promise<{ readonly url: string; stop(): void }> {
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    const authorised = request.headers.authorization === `Basic ${btoa(`user:${password}`)}`;
    if (path.startsWith("/private") && !authorised) {
      response.writeHead(401, { "www-authenticate": 'Basic realm="index"' }).end();
    } else if (path.endsWith(".whl")) {
      response.writeHead(200, { "content-type": "application/octet-stream" }).end(wheel().bytes);
    } else if (path.endsWith("/boxkite-test-wheel/")) {
      const { name } = wheel();
      response.writeHead(200, { "content-type": "text/html" }).end(`<a href="${name}">${name}</a>`);
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/simple/`,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export interface TestRegistry {
  /** "127.0.0.1:41234" */
  readonly host: string;
  /** As the build service asks a registry. */
  resolve(reference: string): Promise<string | undefined>;
  stop(): Promise<void>;
}

/** Whom a locked registry lets in. Its file of passwords takes bcrypt only. */
export const REGISTRY_USER = { name: "user", password: "s3cret" } as const;
const HTPASSWD = "user:$2y$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK";

/** Debian's own registry on a free port, or undefined where it is not installed. */
export async function startRegistry(
  folder: string,
  options: { readonly locked?: boolean } = {},
): Promise<TestRegistry | undefined> {
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const config = join(folder, "registry.yml");
  const passwords = join(folder, "htpasswd");
  await writeFile(passwords, HTPASSWD);
  await writeFile(
    config,
    [
      "version: 0.1",
      "log: {level: error, accesslog: {disabled: true}}",
      `storage: {filesystem: {rootdirectory: ${join(folder, "registry")}}, delete: {enabled: true}}`,
      `http: {addr: "127.0.0.1:${port}"}`,
      ...(options.locked === true ? [`auth: {htpasswd: {realm: test, path: ${passwords}}}`] : []),
    ].join("\n"),
  );
  const server = spawn("docker-registry", ["serve", config], { stdio: "ignore" });
  const failed = new Promise<false>((resolve) => server.once("error", () => resolve(false)));
  const ended = new Promise<void>((resolve) => server.once("close", () => resolve()));
  const host = `127.0.0.1:${port}`;
  const answers = async (): Promise<true> => {
    while ((await fetch(`http://${host}/v2/`).catch(() => undefined)) === undefined) await delay(50);
    return true;
  };
  if (!(await Promise.race([failed, answers()]))) return undefined;
  return {
    host,
    resolve: async (reference) => {
      const { repository, tag, digest, ...parsed } = parseImageReference(reference);
      if (parsed.host !== host) return undefined;
      const response = await fetch(`http://${host}/v2/${repository}/manifests/${digest ?? tag}`, {
        method: "HEAD",
        headers: { accept: MANIFESTS.join(", "), authorization: AUTHORIZATION },
      });
      return response.ok ? (response.headers.get("docker-content-digest") ?? undefined) : undefined;
    },
    stop: async () => {
      server.kill();
      await ended;
    },
  };
}

const AUTHORIZATION = `Basic ${btoa(`${REGISTRY_USER.name}:${REGISTRY_USER.password}`)}`;

const MANIFESTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
