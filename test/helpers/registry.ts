/** A real registry (Debian's docker-registry) on a free port, with a directory of its own. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { parseImageReference } from "../../src/images/reference.ts";
import { until } from "./until.ts";

export interface TestRegistry {
  /** `localhost:PORT`, or `ADDRESS:PORT` with another address. */
  readonly host: string;
  /** The digest that this registry has under a name, as the build service asks for it. */
  resolve(reference: string): Promise<string | undefined>;
  stop(): Promise<void>;
}

const PROGRAM = process.env["BOXKITE_TEST_REGISTRY"] ?? "docker-registry";

/** Why no registry can be started, or undefined. */
export function missingRegistry(): string | undefined {
  return spawnSync(PROGRAM, ["--version"]).status === 0 ? undefined : "docker-registry is not installed";
}

export interface RegistryOptions {
  /** The address on which it listens. @default loopback */
  readonly address?: string;
  /** Accepts LOGIN only. */
  readonly login?: boolean;
  /** PEM files; without them it speaks plain HTTP. */
  readonly tls?: { readonly certificate: string; readonly key: string };
}

export const LOGIN = { username: "team", password: "correct horse" };
/** LOGIN for the registry, which supports bcrypt only: `htpasswd -nbB team "correct horse"`. */
const HTPASSWD = "team:$2y$05$boxkitetestregistry00uH5Z4kpuDpKVZec56fsbmNUxVwwPEdje\n";

const AUTHORIZATION = `Basic ${btoa(`${LOGIN.username}:${LOGIN.password}`)}`;

const MANIFESTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

export async function startRegistry(directory: string, options: RegistryOptions = {}): Promise<TestRegistry> {
  const { address = "127.0.0.1", login = false, tls } = options;
  const port = await freePort(address);
  await mkdir(directory, { recursive: true });
  const [config, htpasswd] = [join(directory, "registry.yml"), join(directory, "htpasswd")];
  await writeFile(htpasswd, HTPASSWD);
  await writeFile(
    config,
    `version: 0.1
log:
  level: error
storage:
  filesystem:
    rootdirectory: ${join(directory, "data")}
  delete:
    enabled: true
http:
  addr: ${address}:${port}
${tls === undefined ? "" : `  tls:\n    certificate: ${tls.certificate}\n    key: ${tls.key}\n`}${
      login ? `auth:\n  htpasswd:\n    realm: test\n    path: ${htpasswd}\n` : ""
    }`,
  );
  const child = spawn(PROGRAM, ["serve", config], { stdio: "ignore" });
  await until(() => isListening(address, port));
  const host = `${address === "127.0.0.1" ? "localhost" : address}:${port}`;
  return {
    host,
    resolve: async (reference) => {
      const { repository, tag, digest, ...parsed } = parseImageReference(reference);
      if (parsed.host !== host) return undefined;
      const scheme = tls === undefined ? "http" : "https";
      const response = await fetch(`${scheme}://${host}/v2/${repository}/manifests/${digest ?? tag}`, {
        method: "HEAD",
        headers: { accept: MANIFESTS.join(", "), authorization: AUTHORIZATION },
      });
      return response.ok ? (response.headers.get("docker-content-digest") ?? undefined) : undefined;
    },
    stop: async () => {
      if (child.exitCode === null) {
        const exited = once(child, "exit");
        child.kill();
        await exited;
      }
      await rm(join(directory, "data"), { recursive: true, force: true });
    },
  };
}

async function isListening(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A port that nothing listens on. */
export async function freePort(address = "127.0.0.1"): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
