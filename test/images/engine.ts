/** Podman for tests: there, or a skip with its reason; REQUIRE_ENGINES=podman makes the skip a failure. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createPodmanBuilder } from "../../src/builds/podman.ts";
import { hostCertificates, hostProxy } from "../../src/builds/build-environment.ts";
import type { ImageBuilder } from "../../src/builds/builder.ts";
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
