/** The container engine's own command line: tests check with it, not with Boxkite's records. */
import { execFile, spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { retryIfStorageChanged } from "../../src/containers/storage-retry.ts";

export type EngineCommand = "podman" | "docker";

const LIST_TRIES = 20;

/** Why tests of this engine cannot run, or undefined. An engine in REQUIRE_ENGINES that is missing fails. */
export function missingEngine(engine: EngineCommand): string | undefined {
  const probe = spawnSync(engine, ["info"], { encoding: "utf8" });
  if (probe.status === 0) return undefined;
  const why =
    probe.error === undefined
      ? `${engine} info: ${probe.stderr.trim().split("\n").at(-1)}`
      : `${engine} is not installed`;
  if ((process.env["REQUIRE_ENGINES"] ?? "").split(",").includes(engine)) {
    throw new Error(`REQUIRE_ENGINES names ${engine}: ${why}`);
  }
  return why;
}

export interface EngineResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function engineCommand(
  engine: EngineCommand,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<EngineResult> {
  return new Promise((resolve) => {
    execFile(
      engine,
      [...args],
      { env: { ...process.env, ...env }, maxBuffer: 64 << 20 },
      (error, stdout, stderr) => {
        resolve({
          code: error === null ? 0 : typeof error.code === "number" ? error.code : -1,
          stdout,
          stderr,
        });
      },
    );
  });
}

/**
 * The command's output; throws where it fails. Other tests remove their images from the same engine meanwhile: where
 * that disturbs the command, as it does even a list of images, it is run again.
 */
export async function engineOutput(
  engine: EngineCommand,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  return await retryIfStorageChanged(async () => {
    const { code, stdout, stderr } = await engineCommand(engine, args, env);
    if (code === 0) return stdout.trim();
    throw new Error(
      `${engine} ${args.join(" ")} ended with code ${code}\n${stdout.slice(-2_000)}\n${stderr.slice(-4_000)}`,
    );
  });
}

/**
 * What `ps` prints, each line a string. Podman fails where a container is removed while it is listed: then the list is
 * asked for again.
 */
export async function listContainers(
  engine: EngineCommand,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<string[]> {
  for (let tries = 1; ; tries++) {
    const { code, stdout, stderr } = await engineCommand(engine, ["ps", ...args], env);
    if (code === 0) return stdout.split("\n").filter(Boolean);
    if (tries === LIST_TRIES) throw new Error(`${engine} ps ended with code ${code}: ${stderr}`);
  }
}

/** Removes the engine's images whose names begin with one of these, such as `127.0.0.1:41234/`. */
export async function removeImagesNamed(engine: EngineCommand, prefixes: readonly string[]): Promise<void> {
  await removeImages(engine, async () => {
    const rows = await listImages(engine, ["--format", "{{.ID}} {{.Repository}}"]);
    return rows
      .map((row) => row.split(" "))
      .filter(([, name = ""]) => prefixes.some((prefix) => name.startsWith(prefix)))
      .map(([id = ""]) => id);
  });
}

/** Removes what was built on bases with this label: images inherit it, the nameless ones of the layer cache too. */
export async function removeImagesOf(engine: EngineCommand, label: string): Promise<void> {
  await removeImages(engine, () => listImages(engine, ["--all", "--quiet", "--filter", `label=${label}`]));
}

/** What `images` prints with these options, each line a string. */
export async function listImages(engine: EngineCommand, args: readonly string[]): Promise<string[]> {
  const text = await engineOutput(engine, ["images", "--no-trunc", ...args]);
  return text.split("\n").filter(Boolean);
}

/** Until none is left: the engine keeps an image with children until these are removed. */
async function removeImages(engine: EngineCommand, list: () => Promise<string[]>): Promise<void> {
  for (;;) {
    const rest = await retryIfStorageChanged(async () => {
      const ids = [...new Set(await list())];
      if (ids.length > 0) await removeAll(engine, ids);
      return ids;
    });
    if (rest.length === 0) return;
  }
}

async function removeAll(engine: EngineCommand, ids: readonly string[]): Promise<void> {
  const { code, stderr } = await engineCommand(engine, ["image", "rm", "--force", ...ids]);
  if (code !== 0) throw new Error(`${engine} image rm ended with code ${code}: ${stderr}`);
}

/** A configuration that lets podman talk to a registry without TLS; docker allows that on loopback anyway. */
export async function insecureRegistryEnv(directory: string, registry: string): Promise<NodeJS.ProcessEnv> {
  await mkdir(directory, { recursive: true });
  const file = join(directory, "registries.conf");
  await writeFile(
    file,
    `unqualified-search-registries = ["docker.io"]\n\n[[registry]]\nlocation = "${registry}"\ninsecure = true\n`,
  );
  return { CONTAINERS_REGISTRIES_CONF: file };
}

/** A container of a run as the engine describes it. */
export interface SeenContainer {
  readonly id: string;
  readonly run: string;
  readonly action: string;
  readonly taskModule: string;
  /** The digest in the reference that the container was created from, by which the registry knows the image. */
  readonly imageDigest: string;
  readonly imageId: string;
  readonly workingDir: string;
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly env: readonly string[];
  readonly mounts: readonly unknown[];
  /** Files that differ from the image, as the engine lists them. */
  readonly changes: readonly string[];
}

interface Inspected {
  readonly Id: string;
  readonly Image: string;
  readonly ImageName?: string;
  readonly Mounts: unknown[];
  readonly Config: {
    readonly Labels: Record<string, string>;
    readonly Image?: string;
    readonly WorkingDir: string;
    readonly User: string;
    readonly Entrypoint: string | string[] | null;
    readonly Cmd: string[] | null;
    readonly Env: string[];
  };
}

/**
 * Inspects new containers repeatedly while a run runs, because they are removed when they have ended. Containers that
 * existed before are ignored: they belong to others.
 */
export function watchContainers(
  engine: EngineCommand,
  env: NodeJS.ProcessEnv = {},
): { stop(): Promise<Map<string, SeenContainer>> } {
  const seen = new Map<string, SeenContainer>();
  let stopped = false;
  const args = ["--all", "--quiet", "--no-trunc", "--filter", "label=dev.boxkite.action"];
  const list = () => listContainers(engine, args, env);
  const watching = (async () => {
    const before = new Set(await list());
    while (!stopped) {
      const mine = (await list()).filter((id) => !before.has(id));
      const fresh = mine.filter((id) => !seen.has(id));
      // New ones first: one may be removed before all the others are inspected again.
      const next = fresh.length > 0 ? fresh : mine;
      for (const container of await Promise.all(next.map((id) => inspect(engine, id, env)))) {
        if (container) seen.set(container.id, container);
      }
      if (fresh.length === 0) await sleep(100, undefined, { ref: false });
    }
    return seen;
  })();
  return {
    stop: () => {
      stopped = true;
      return watching;
    },
  };
}

async function inspect(
  engine: EngineCommand,
  id: string,
  env: NodeJS.ProcessEnv,
): Promise<SeenContainer | undefined> {
  const [inspected, diff] = await Promise.all([
    engineCommand(engine, ["container", "inspect", id], env),
    engineCommand(engine, ["diff", id], env),
  ]);
  if (inspected.code !== 0) return undefined;
  const [container] = JSON.parse(inspected.stdout) as Inspected[];
  if (container === undefined) return undefined;
  const { Config: config } = container;
  const entrypoint = config.Entrypoint ?? [];
  return {
    id: container.Id,
    run: config.Labels["dev.boxkite.run"] ?? "",
    action: config.Labels["dev.boxkite.action"] ?? "",
    taskModule: (config.Cmd ?? []).slice(-4).join(" "),
    imageDigest: (container.ImageName ?? config.Image ?? "").split("@")[1] ?? "",
    imageId: container.Image,
    workingDir: config.WorkingDir,
    user: config.User,
    entrypoint: typeof entrypoint === "string" ? entrypoint.split(" ").filter(Boolean) : entrypoint,
    command: config.Cmd ?? [],
    env: config.Env,
    mounts: container.Mounts,
    changes: diff.stdout.split("\n").filter(Boolean),
  };
}
