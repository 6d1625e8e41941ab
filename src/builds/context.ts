/**
 * Unpacks an uploaded build context.
 *
 * The archive comes from outside: every path must stay inside the folder it is unpacked into, and size and
 * count are bounded before they are written. Contents are digested on the way, for the cache and for the
 * question whether two requests ask for the same build.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { copyFile, mkdir, open, readdir, realpath, rm, symlink, utimes } from "node:fs/promises";
import { dirname, join, posix, sep } from "node:path";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { type Extract, extract, type Header } from "tar-stream";
import { BoxkiteError, messageOf } from "../domain/errors.ts";

export interface ContextLimits {
  /** As it was uploaded. */
  readonly archiveBytes: number;
  readonly unpackedBytes: number;
  readonly entries: number;
}

export const CONTEXT_LIMITS: ContextLimits = {
  archiveBytes: 2 * 1024 ** 3,
  unpackedBytes: 4 * 1024 ** 3,
  entries: 200_000,
};

/** context.tar.gz as it lies where it was uploaded. */
export interface UploadedContext {
  readonly sizeBytes: number;
  /** From its beginning, each time. */
  open(): Readable | Promise<Readable>;
}

export function contextOfFile(path: string): UploadedContext {
  return { sizeBytes: statSync(path).size, open: () => createReadStream(path) };
}

export interface UnpackedContext {
  /** Of everything in it: names, contents and modes, not times. */
  readonly digest: string;
  /** Of one file, or of one folder with all that is below it; undefined where there is neither. */
  readonly digestOf: (path: string) => string | undefined;
}

/** The context of a build that uploaded nothing. */
export const EMPTY_CONTEXT: UnpackedContext = describe(new Map());

type Entry = Extract extends AsyncIterable<infer Item> ? Item : never;

export async function unpackContext(
  archive: Readable,
  directory: string,
  limits: ContextLimits = CONTEXT_LIMITS,
  signal?: AbortSignal,
): Promise<UnpackedContext> {
  const tar = extract();
  const flow = pipeline(
    archive,
    bounded(limits.archiveBytes, "the uploaded build context"),
    createGunzip(),
    // The headers and padding of a tar are not file contents; a tenth more is room enough for them.
    bounded(limits.unpackedBytes * 1.1 + 1024 * limits.entries, "the unpacked build context"),
    tar,
    signal === undefined ? {} : { signal },
  );
  // The loop below reports a broken flow too; without this the rejection would be unhandled until then.
  flow.catch(() => {});
  try {
    const unpacked = await unpackEntries(tar, directory, limits);
    await flow;
    return unpacked;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof BoxkiteError) throw error;
    throw new BoxkiteError("INVALID_ARGUMENT", `the build context cannot be unpacked: ${messageOf(error)}`, {
      hint: "It must be a gzip-compressed tar archive, as the SDK uploads it.",
      cause: error,
    });
  }
}

async function unpackEntries(
  tar: AsyncIterable<Entry>,
  directory: string,
  limits: ContextLimits,
): Promise<UnpackedContext> {
  const digests = new Map<string, string>();
  const links: { path: string; target: string }[] = [];
  let bytes = 0;
  for await (const entry of tar) {
    const { header } = entry;
    const path = insidePath(header.name);
    bytes += header.size ?? 0;
    refuseAbove(bytes, limits.unpackedBytes, `the unpacked build context (at ${path})`);
    if (digests.size >= limits.entries) {
      throw new BoxkiteError("LIMIT_EXCEEDED", `the build context has more than ${limits.entries} entries`, {
        hint: IGNORE_HINT,
      });
    }
    const target = join(directory, path);
    switch (header.type) {
      case "directory":
        await mkdir(target, { recursive: true, mode: 0o755 });
        break;
      case "file":
      case "contiguous-file":
        digests.set(path, await writeFile(entry, target, header));
        break;
      case "link": {
        const original = insidePath(header.linkname ?? "");
        await mkdir(dirname(target), { recursive: true, mode: 0o755 });
        await copyFile(join(directory, original), target);
        digests.set(path, digests.get(original) ?? "");
        break;
      }
      case "symlink":
        links.push({ path, target: insideLink(path, header.linkname ?? "") });
        break;
      default:
        throw new BoxkiteError("INVALID_ARGUMENT", `the build context holds ${path}, a ${header.type}`, {
          hint: "Only files, folders and symbolic links can be part of a build.",
        });
    }
    entry.resume();
  }
  // Links come last: until then no path of the archive can lead through one.
  for (const { path, target } of links) {
    const location = join(directory, path);
    await mkdir(dirname(location), { recursive: true, mode: 0o755 });
    await rm(location, { force: true });
    await symlink(target, location);
    digests.set(path, createHash("sha256").update(`link\0${target}`).digest("hex"));
  }
  await refuseEscapingLinks(directory, links);
  await settleFolderTimes(directory);
  return describe(digests);
}

async function writeFile(entry: Entry, target: string, header: Header): Promise<string> {
  const mode = ((header.mode ?? 0o644) & 0o777) | 0o600;
  const hash = createHash("sha256").update(`file ${mode & 0o111 ? "x" : "-"}\0`);
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  const file = await open(target, "w", mode);
  try {
    for await (const chunk of entry as AsyncIterable<Buffer>) {
      hash.update(chunk);
      await file.write(chunk);
    }
    await file.chmod(mode);
    const time = header.mtime ?? EPOCH;
    await file.utimes(time, time);
  } finally {
    await file.close();
  }
  return hash.digest("hex");
}

/** A name of the archive as a clean relative path, or an error that names it. */
function insidePath(name: string): string {
  const clean = posix.normalize(name);
  if (
    name === "" ||
    name.includes("\0") ||
    clean.startsWith("/") ||
    clean === ".." ||
    clean.startsWith("../")
  ) {
    throw new BoxkiteError(
      "INVALID_ARGUMENT",
      `the build context holds ${JSON.stringify(name)}, which leads out of it`,
    );
  }
  return clean.replace(/\/$/, "");
}

function insideLink(path: string, target: string): string {
  const resolved = posix.normalize(posix.join(posix.dirname(path), target));
  if (target.startsWith("/") || target.includes("\0") || resolved === ".." || resolved.startsWith("../")) {
    throw escapes(path, target);
  }
  return target;
}

/** A link can lead out through another link, which only the file system can tell. */
async function refuseEscapingLinks(
  directory: string,
  links: readonly { path: string; target: string }[],
): Promise<void> {
  if (links.length === 0) return;
  const root = await realpath(directory);
  for (const { path, target } of links) {
    let end: string;
    try {
      end = await realpath(join(directory, path));
    } catch {
      continue; // It leads nowhere, so it leads nowhere else either.
    }
    if (end !== root && !end.startsWith(root + sep)) throw escapes(path, target);
  }
}

function escapes(path: string, target: string): BoxkiteError {
  return new BoxkiteError(
    "INVALID_ARGUMENT",
    `the build context holds ${path}, a link to ${target}, which leads out of it`,
    { hint: "Copy the file into the folder that is sent, or leave the link out with .dockerignore." },
  );
}

/** Folders get the time that the SDK gives to everything: builders digest times along with contents. */
async function settleFolderTimes(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  for (const entry of entries) {
    if (entry.isDirectory()) await utimes(join(entry.parentPath, entry.name), EPOCH, EPOCH);
  }
  await utimes(directory, EPOCH, EPOCH);
}

const EPOCH = new Date("1981-01-01T00:00:00Z");
const IGNORE_HINT =
  "Leave out what the image does not need: .with_dockerignore(...) or a .dockerignore file.";

function bounded(limit: number, what: string): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      try {
        refuseAbove(bytes, limit, what);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

export function refuseAbove(bytes: number, limit: number, what: string): void {
  if (bytes <= limit) return;
  const mebibytes = Math.floor(limit / 1024 ** 2);
  throw new BoxkiteError("LIMIT_EXCEEDED", `${what} is larger than ${mebibytes} MiB`, { hint: IGNORE_HINT });
}

function describe(digests: ReadonlyMap<string, string>): UnpackedContext {
  const paths = [...digests.keys()].toSorted();
  const folder = (prefix: string): string | undefined => {
    const below = paths.filter((path) => path.startsWith(prefix));
    if (below.length === 0) return undefined;
    const hash: Hash = createHash("sha256");
    for (const path of below) hash.update(`${path.slice(prefix.length)}\0${digests.get(path) ?? ""}\0`);
    return hash.digest("hex");
  };
  return {
    digest: folder("") ?? createHash("sha256").digest("hex"),
    digestOf: (path) => {
      const clean = posix.normalize(path).replace(/\/$/, "");
      return digests.get(clean) ?? folder(clean === "." ? "" : `${clean}/`);
    },
  };
}
