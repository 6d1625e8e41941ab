/**
 * The source of a reproduction, in a directory of this machine that is mounted in its container: what is changed there is
 * changed where the task runs. Each entry is mounted on its own, so the image's other files beside them stay.
 */
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, posix, resolve } from "node:path";
import { Readable } from "node:stream";
import { download } from "../../client/server-json.ts";
import type { ConnectionOptions } from "../../client/transport.ts";
import type { BundleLimits } from "../../code-bundles/bundle-entry.ts";
import type { EngineApi } from "../../containers/api.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import type { ActionKey } from "../../domain/ids.ts";
import type { BegunReproduction } from "../../services/reproductions.ts";
import type { SourceMount } from "./reproduction-container.ts";
import { sourceMounts } from "./source-mounts.ts";
import { unpackBundle } from "./unpack-bundle.ts";
import { unpackTar } from "./unpack-tar.ts";

export interface SourceOptions {
  readonly api: EngineApi;
  readonly connection: ConnectionOptions;
  readonly key: Pick<ActionKey, "run" | "action">;
  readonly code: BegunReproduction["code"];
  /** Of the task's program. */
  readonly args: readonly string[];
  /** Of the image; empty where it has none. */
  readonly workdir: string;
  /** By its digest. */
  readonly image: string;
  /** Its files: see look-inside.ts. */
  readonly filesOf: string;
}

export interface Source {
  readonly mounts: readonly SourceMount[];
  /** For people. */
  readonly note: string;
}

const WORKDIR_LIMITS: BundleLimits = { bytes: 64 * 2 ** 20, entries: 20_000 };

/** In the directory: what it is the source of. */
const NOTE_FILE = ".boxkite-source";

interface Origin {
  /** The code bundle, or the image. */
  readonly from: string;
  readonly target: string;
}

/** No source where a WORKDIR is too large to be copied. A directory that is there from before is used as it is now. Throws CONFIG_INVALID where another directory has its name, and what `unpackBundle` throws. */
export async function prepareSource(options: SourceOptions): Promise<Source> {
  const { api, filesOf, args, workdir, key, code } = options;
  const base = workdir === "" ? "/" : workdir;
  const directory = resolve(`reproduce-${key.run}-${key.action}`);
  const bundle = valueOf(args, "--tgz");
  if (bundle === undefined && valueOf(args, "--pkl") !== undefined)
    return { mounts: [], note: "the code is a pickle, which cannot be edited: no source is mounted" };
  if (bundle === undefined && posix.normalize(base) === "/")
    return { mounts: [], note: "the code is in the image, which has no WORKDIR: no source is mounted" };
  const target = bundle === undefined ? base : posix.resolve(base, valueOf(args, "--dest") ?? ".");
  const bundled = bundle === undefined ? undefined : code.find(({ uri }) => uri === bundle);
  if (bundle !== undefined && bundled === undefined)
    return { mounts: [], note: `the server has no link to the code ${bundle}: no source is mounted` };
  const origin = { from: bundle ?? options.image, target };
  const isKnown = await hasSource(directory, origin);
  try {
    if (!isKnown) await unpackNew(directory, origin, { ...options, bundle: bundled });
    const mounts = await sourceMounts({
      directory,
      target,
      without: [NOTE_FILE],
      // A copy of the image's directory has all of its files already.
      isShared: async (path) => bundle !== undefined && (await api.hasPath(filesOf, path)),
    });
    const again = isKnown ? ", as it was left there" : "";
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

/** Throws CONFIG_INVALID where the directory is of something else: a run of another project may have the same name. */
async function hasSource(directory: string, { from, target }: Origin): Promise<boolean> {
  if (!existsSync(directory)) return false;
  const known = parseNote(await readFile(join(directory, NOTE_FILE), "utf8").catch(() => ""));
  if (known?.from === from && known.target === target) return true;
  const what =
    known === undefined
      ? "is not the source of a reproduction"
      : `is the source of ${known.from} for ${known.target}, and this action has ${from} in ${target}`;
  throw new BoxkiteError("CONFIG_INVALID", `${directory} exists, and ${what}`, {
    hint: "move it away, type the command in another directory, or leave the source out: --no-source",
  });
}

/** Undefined for what this command has not written. */
function parseNote(text: string): Origin | undefined {
  try {
    const { from, target } = JSON.parse(text) as Partial<Record<keyof Origin, unknown>>;
    return typeof from === "string" && typeof target === "string" ? { from, target } : undefined;
  } catch {
    return undefined;
  }
}

type NewSource = SourceOptions & {
  readonly bundle: { readonly uri: string; readonly url: string } | undefined;
};

/** All of it or nothing is there afterwards. */
async function unpackNew(directory: string, origin: Origin, options: NewSource): Promise<void> {
  const { bundle, connection } = options;
  const unfinished = `${directory}.part`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished);
  try {
    if (bundle === undefined) await copyWorkdir(unfinished, origin.target, options);
    else await unpackBundle(await download(connection, bundle.url), bundle.uri, unfinished);
    await chmod(unfinished, 0o755);
    const note = join(unfinished, NOTE_FILE);
    // Of the code: also a link, through which the note would be written.
    await rm(note, { recursive: true, force: true });
    await writeFile(note, `${JSON.stringify(origin)}\n`, { flag: "wx" });
    await rename(unfinished, directory);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

async function copyWorkdir(
  directory: string,
  target: string,
  { api, filesOf }: SourceOptions,
): Promise<void> {
  const archive = await api.getArchive(filesOf, target);
  if (archive === undefined) return;
  const options = { limits: WORKDIR_LIMITS, strip: 1, reserved: [NOTE_FILE] };
  const { incomplete } = await unpackTar(Readable.from(archive), directory, options);
  // Such as an environment, whose links lead to the image's interpreter.
  for (const entry of incomplete) await rm(join(directory, entry), { recursive: true, force: true });
}
