/** A real registry (Debian's docker-registry) on a free port of loopback, with a directory of its own. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { until } from "./until.ts";

export interface TestRegistry {
  /** `localhost:PORT`. */
  readonly host: string;
  stop(): Promise<void>;
}

const PROGRAM = process.env["BOXKITE_TEST_REGISTRY"] ?? "docker-registry";

/** Why there can be no registry, or undefined. */
export function missingRegistry(): string | undefined {
  return spawnSync(PROGRAM, ["--version"]).status === 0 ? undefined : "docker-registry is not installed";
}

export async function startRegistry(directory: string): Promise<TestRegistry> {
  const port = await freePort();
  await mkdir(directory, { recursive: true });
  const config = join(directory, "registry.yml");
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
  addr: 127.0.0.1:${port}
`,
  );
  const child = spawn(PROGRAM, ["serve", config], { stdio: "ignore" });
  await until(
    async () => (await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined))?.ok === true,
    10_000,
  );
  return {
    host: `localhost:${port}`,
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

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
