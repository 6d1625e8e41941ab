/**
 * The source of a reproduction, in a directory of this machine that is mounted in its container: what is changed there is
 * changed where the task runs. Each entry is mounted on its own, so the image's other files beside them stay.
 */
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join, posix, resolve } from "node:path";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { EngineApi } from "../../containers/api.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { BegunReproduction } from "../../services/reproductions.ts";
import { download } from "../../client/server-json.ts";
import type { ConnectionOptions } from "../../client/transport.ts";
import type { ActionKey } from "../../domain/ids.ts";
import type { SourceMount } from "./reproduction-container.ts";
import { unpackTar, type UnpackLimits } from "./unpack-tar.ts";

export interface SourceOptions {
  readonly api: EngineApi;
  readonly connection: ConnectionOptions;
  readonly key: Pick<ActionKey, "run" | "action">;
  readonly code: BegunReproduction["code"];
  /** Of the task's program. */
  readonly args: readonly string[];
  /** Of the image; empty where it has none. */
  readonly workdir: string;
  /** Its files: see look-inside.ts. */
  readonly filesOf: string;
}

export interface Source {
  readonly mounts: readonly SourceMount[];
  /** For people. */
  readonly note: string;
}

/** Of the code that is sent with a run, and of a working directory. */
const BUNDLE_LIMITS: UnpackLimits = { bytes: 512 * 2 ** 20, entries: 50_000 };
const WORKDIR_LIMITS: UnpackLimits = { bytes: 64 * 2 ** 20, entries: 20_000 };
/** Engines take long for more. */
const MOST_MOUNTS = 500;

/** In the directory: what it is the source of. */
const NOTE_FILE = ".boxkite-source";

interface Origin {
  /** The code bundle, or the image. */
  readonly from: string;
  readonly target: string;
  /** Entries that are the image's own in the container. */
  readonly left: readonly string[];
}

/** No source where a WORKDIR is too large to be copied. A directory that is there from before is used as it is now. Throws CONFIG_INVALID where another directory has its name. */
export async function prepareSource(options: SourceOptions): Promise<Source> {
  const { args, workdir, key, code } = options;
  const base = workdir === "" ? "/" : workdir;
  const directory = resolve(`reproduce-${key.run}-${key.action}`);
  const bundle = valueOf(args, "--tgz");
  if (bundle === undefined && valueOf(args, "--pkl") !== undefined)
    return { mounts: [], note: "the code is a pickle, which cannot be edited: no source is mounted" };
  if (bundle === undefined && posix.normalize(base) === "/")
    return { mounts: [], note: "the code is in the image, which has no WORKDIR: no source is mounted" };
  const target = bundle === undefined ? base : posix.resolve(base, valueOf(args, "--dest") ?? ".");
  const known = await readNote(directory);
  const bundled = bundle === undefined ? undefined : code.find(({ uri }) => uri === bundle);
  try {
    const origin = known ?? (await unpackNew(directory, target, { ...options, bundle: bundled }));
    const mounts = await mountsOf(directory, origin, bundle !== undefined, options);
    const again = known === undefined ? "" : ", as it was left there";
    return { mounts, note: `the source is in ${directory}${again}, and mounted at ${target}` };
  } catch (error) {
    const isTooLarge = error instanceof BoxkiteError && error.code === "LIMIT_EXCEEDED";
    if (!isTooLarge || bundle !== undefined) throw error;
    return { mounts: [], note: `${target} of the image is not mounted for editing: ${error.message}` };
  }
}

function valueOf(args: readonly string[], option: string): string | undefined {
  const at = args.indexOf(option);
  return at === -1 ? undefined : args[at + 1];
}

async function readNote(directory: string): Promise<Origin | undefined> {
  if (!existsSync(directory)) return undefined;
  const text = await readFile(join(directory, NOTE_FILE), "utf8").catch(() => undefined);
  if (text !== undefined) return JSON.parse(text) as Origin;
  throw new BoxkiteError("CONFIG_INVALID", `${directory} exists, and is not the source of a reproduction`, {
    hint: "move it away, type the command in another directory, or leave the source out: --no-source",
  });
}

type NewSource = SourceOptions & {
  readonly bundle: { readonly uri: string; readonly url: string } | undefined;
};

/** All of it or nothing is there afterwards. */
async function unpackNew(directory: string, target: string, options: NewSource): Promise<Origin> {
  const unfinished = `${directory}.part`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished);
  try {
    const origin =
      options.bundle === undefined
        ? await copyWorkdir(unfinished, target, options)
        : await unpackBundle(unfinished, target, options.bundle, options.connection);
    await chmod(unfinished, 0o755);
    await writeFile(join(unfinished, NOTE_FILE), `${JSON.stringify(origin)}\n`);
    await rename(unfinished, directory);
    return origin;
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

async function unpackBundle(
  directory: string,
  target: string,
  { uri, url }: { readonly uri: string; readonly url: string },
  connection: ConnectionOptions,
): Promise<Origin> {
  const packed = await download(connection, url);
  const { incomplete } = await unpackTar(packed.pipe(createGunzip()), directory, BUNDLE_LIMITS);
  if (incomplete.length > 0)
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `the code has links that lead out of it, in ${incomplete.join(", ")}`,
      {
        hint: "leave the source out, and the task unpacks it itself: --no-source",
      },
    );
  // Where it is, the runtime takes the code for unpacked (flyte/_code_bundle/bundle.py, 2.12.1).
  await writeFile(join(directory, `.${basename(uri)}.extracted`), "");
  return { from: uri, target, left: [] };
}

async function copyWorkdir(
  directory: string,
  target: string,
  { api, filesOf }: SourceOptions,
): Promise<Origin> {
  const archive = await api.getArchive(filesOf, target);
  if (archive === undefined) return { from: "image", target, left: [] };
  const { incomplete } = await unpackTar(Readable.from(archive), directory, WORKDIR_LIMITS, 1);
  // Such as an environment, whose links lead to the image's interpreter.
  for (const entry of incomplete) await rm(join(directory, entry), { recursive: true, force: true });
  return { from: "image", target, left: incomplete };
}

/** A directory that the image has, too, is mounted file by file, unless it was copied out of it. */
async function mountsOf(
  directory: string,
  { target }: Origin,
  isBundle: boolean,
  { api, filesOf }: SourceOptions,
): Promise<readonly SourceMount[]> {
  const mounts: SourceMount[] = [];
  const add = async (folder: string, at: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (folder === directory && entry.name === NOTE_FILE) continue;
      const [source, path] = [join(folder, entry.name), posix.join(at, entry.name)];
      const isShared = entry.isDirectory() && isBundle && (await api.hasPath(filesOf, path));
      if (isShared) await add(source, path);
      else mounts.push({ source, target: path });
      if (mounts.length > MOST_MOUNTS)
        throw new BoxkiteError("LIMIT_EXCEEDED", `the source would need more than ${MOST_MOUNTS} mounts`, {
          hint: "leave it out: --no-source",
        });
    }
  };
  await add(directory, target);
  return mounts;
}
