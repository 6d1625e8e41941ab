/** Creates the container of a reproduction, as the server has prepared it and as this command changes it. */
import type { EngineApi } from "../../containers/api.ts";
import { createPodmanRuntimes } from "../../containers/podman-runtimes.ts";
import { BoxkiteError, messageOf } from "../../domain/errors.ts";
import { createIsolated } from "../../executors/container/oci-runtime.ts";
import {
  putArchives,
  putsIntoReadOnlyRoot,
  type PutContext,
} from "../../executors/container/put-archives.ts";
import { errnoOf } from "../../lib/errno.ts";
import { silentLogger } from "../../lib/log.ts";
import type { BegunReproduction } from "../../services/reproductions.ts";

export interface SourceMount {
  /** On this machine. */
  readonly source: string;
  /** In the container. */
  readonly target: string;
}

export interface ContainerChanges {
  readonly terminal: boolean;
  readonly mounts: readonly SourceMount[];
  /** Replaces the task's program. */
  readonly program?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>>;
  /** Tars to be unpacked into its root directory. */
  readonly archives: readonly Buffer[];
}

interface Body {
  readonly Image: string;
  readonly Cmd: readonly string[];
  readonly Entrypoint?: readonly string[];
  readonly Env: readonly string[];
  readonly HostConfig: {
    readonly Mounts?: readonly { readonly Target: string }[];
    readonly ReadonlyRootfs?: boolean;
  };
}

/** What the engine is asked to create, by its API. */
export function bodyOf({ container }: BegunReproduction): Body {
  return container.body as unknown as Body;
}

/** Its id. Throws ENGINE_FAILED, INVALID_ARGUMENT where files cannot be put into it, and IMAGE_NOT_FOUND where the engine of this machine is not the server's. */
export async function createReproductionContainer(
  api: EngineApi,
  begun: BegunReproduction,
  { terminal, mounts, program, env = {}, archives }: ContainerChanges,
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  const body = bodyOf(begun);
  const { isolation, name, archive } = begun.container;
  const own = [...(archive === undefined ? [] : [Buffer.from(archive, "base64")]), ...archives];
  if (own.length > 0 && body.HostConfig.ReadonlyRootfs === true && !putsIntoReadOnlyRoot(api.engine))
    throw readOnlyRoot(api);
  // The server may have mounted the same code, for reading only.
  const isCovered = (path: string) => mounts.some(({ target }) => isBelow(path, target));
  const changed = {
    ...body,
    ...(program && { Entrypoint: program, Cmd: [] }),
    Env: [...body.Env, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)],
    Tty: terminal,
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    HostConfig: {
      ...body.HostConfig,
      Mounts: [
        ...(body.HostConfig.Mounts ?? []).filter(({ Target }) => !isCovered(Target)),
        ...mounts.map(({ source, target }) => ({ Type: "bind", Source: source, Target: target })),
      ],
    },
  };
  const podmanRuntimes =
    api.engine === "podman" && isolation !== undefined
      ? createPodmanRuntimes({ env: environment, log: silentLogger })
      : undefined;
  try {
    const created = await createIsolated({ api, podmanRuntimes }, isolation, name, changed);
    if (created.kind !== "created") throw otherEngine(api, body.Image);
    for (const tar of own) await api.putArchive(created.id, tar);
    await putCode(api, created.id, begun, mounts);
    return created.id;
  } finally {
    await podmanRuntimes?.close();
  }
}

/** The code that the server brings, unless the source is mounted in its place. */
async function putCode(
  api: EngineApi,
  id: string,
  { container }: BegunReproduction,
  mounts: readonly SourceMount[],
): Promise<void> {
  const isMounted = (folder: string) => mounts.some(({ target }) => isBelow(target, folder));
  const archives = container.archives.filter(({ target }) => !isMounted(target));
  // Whoever typed the command sees what fails, and types it again.
  const retry: PutContext["retry"] = { run: async (call) => await call() };
  try {
    await putArchives({ api, spec: { archives }, retry }, id, new AbortController().signal);
  } catch (error) {
    if (!["ENOENT", "EACCES"].includes(errnoOf(error) ?? "")) throw error;
    throw new BoxkiteError("CONFIG_INVALID", `the task's code cannot be read here: ${messageOf(error)}`, {
      hint: "run the command on the server's machine, as the server's user",
      cause: error,
    });
  }
}

/** Also where they are the same. */
function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? folder : `${folder}/`);
}

function readOnlyRoot({ engine }: EngineApi): BoxkiteError {
  return new BoxkiteError(
    "INVALID_ARGUMENT",
    `${engine} puts no files into this container, whose root directory is read-only`,
    { hint: "leave out --shell and --pdb, which need some, or use Podman" },
  );
}

function otherEngine({ engine }: EngineApi, image: string): BoxkiteError {
  return new BoxkiteError(
    "IMAGE_NOT_FOUND",
    `${engine} on this machine does not have ${image}, which the server's has`,
    {
      hint: "run the command on the server's machine, as the server's user",
    },
  );
}
