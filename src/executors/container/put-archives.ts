/**
 * Unpacks archives into a container before it starts. What the container has already stays as it is, directories with
 * their owners, too; files of the same name are replaced. New directories belong to the owner of the archive.
 *
 * Podman 4.3 makes directories that a tar only implies, owned by the container's user, and does so in a read-only root
 * as well. Docker 20.10 gives them to root, replaces a link to a directory by a directory of the tar, and writes to no
 * read-only root: so it gets those directories that the container does not have.
 */
import { posix } from "node:path";
import type { ArchiveDirectory } from "../../code-bundles/read-archive.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { EngineName } from "../../containers/types.ts";
import type { ContainerArchive } from "../attempt-options.ts";
import type { AttemptSpec } from "../executor.ts";
import { archiveStream, type StreamOptions } from "./archive-stream.ts";
import type { EngineRetry } from "./engine-retry.ts";

export function putsIntoReadOnlyRoot(engine: EngineName): boolean {
  return engine === "podman";
}

/** Each is a call to the engine; directories beyond are root's where the container does not have them. */
const MOST_CHECKED = 64;
const NEW_DIRECTORY_MODE = 0o755;

interface Destination extends StreamOptions {
  /** Where the engine unpacks the archive; the prefix leads on from there. */
  readonly directory: string;
}

export interface PutContext {
  readonly api: Pick<EngineApi, "engine" | "hasPath" | "putArchive">;
  readonly spec: Pick<AttemptSpec, "archives">;
  readonly retry: Pick<EngineRetry, "run">;
}

/** Also into a container that was made before the server ended. */
export async function putArchives(context: PutContext, id: string, signal: AbortSignal): Promise<void> {
  const { api, spec, retry } = context;
  for (const archive of spec.archives ?? []) {
    const hasPath = (path: string) => retry.run(() => api.hasPath(id, path), signal, "tolerate");
    const destination = await destinationOf(archive, api.engine, hasPath);
    // Root's own need no second look at the container's users, which costs Podman 15 ms.
    const ownedByUser = api.engine === "podman" && (archive.owner.uid !== 0 || archive.owner.gid !== 0);
    const options = { directory: destination.directory, ownedByUser };
    const open = () => archiveStream(archive, destination);
    await retry.run(() => api.putArchive(id, open, options), signal, "tolerate");
  }
}

async function destinationOf(
  { target, directories }: ContainerArchive,
  engine: EngineName,
  hasPath: HasPath,
): Promise<Destination> {
  if (engine === "podman")
    return { directory: target, prefix: "", directories: directories.filter(({ isEmpty }) => isEmpty) };
  const missing: string[] = [];
  let directory = posix.normalize(target);
  for (; directory !== "/" && !(await hasPath(directory)); directory = posix.dirname(directory))
    missing.unshift(posix.basename(directory));
  if (missing.length === 0)
    return { directory, prefix: "", directories: await missingIn(directory, directories, hasPath) };
  const prefix = `${missing.join("/")}/`;
  const parents = missing.map((_, index) => ({
    name: missing.slice(0, index + 1).join("/"),
    mode: NEW_DIRECTORY_MODE,
  }));
  const below = directories.map(({ name, mode }) => ({ name: `${prefix}${name}`, mode }));
  return { directory, prefix, directories: [...parents, ...below] };
}

type HasPath = (path: string) => Promise<boolean>;

async function missingIn(
  target: string,
  directories: readonly ArchiveDirectory[],
  hasPath: HasPath,
): Promise<readonly ArchiveDirectory[]> {
  const missing = new Set<string>();
  let checked = 0;
  // Folders come before what is below them.
  for (const { name } of directories) {
    if (missing.has(posix.dirname(name))) missing.add(name);
    else if (checked++ < MOST_CHECKED && !(await hasPath(posix.join(target, name)))) missing.add(name);
  }
  return directories.filter(({ name }) => missing.has(name));
}
