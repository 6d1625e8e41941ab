/**
 * Unpacks an uploaded build context.
 *
 * Sizes and the number of entries are checked before anything is written. Contents are hashed while they are
 * written, for the cache and to find out whether two requests ask for the same build.
 */
import { createHash } from "node:crypto";
import { constants, createReadStream, statSync } from "node:fs";
import { copyFile, mkdir, open, readdir, symlink, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { type Extract, extract, type Header } from "tar-stream";
import { BoxkiteError, messageOf } from "../domain/errors.ts";
import { describeContext, type UnpackedContext } from "./context-digest.ts";
import { bounded, CONTEXT_LIMITS, type ContextLimits, IGNORE_HINT, refuseAbove } from "./context-limits.ts";
import { type ContextLink, insideLink, insidePath, refuseEscapingLinks } from "./context-paths.ts";

/** context.tar.gz in its uploaded form. */
export interface UploadedContext {
  readonly sizeBytes: number;
  /** Each call reads from the beginning. */
  open(): Readable | Promise<Readable>;
}

export function contextOfFile(path: string): UploadedContext {
  return { sizeBytes: statSync(path).size, open: () => createReadStream(path) };
}

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
    // A tar has headers and padding besides file contents; 10 % more is enough for them.
    bounded(limits.unpackedBytes * 1.1 + 1024 * limits.entries, "the unpacked build context"),
    tar,
    signal === undefined ? {} : { signal },
  );
  // The loop below reports a failure of the pipeline, too; without this the rejection would be unhandled until then.
  flow.catch(() => {});
  try {
    const unpacked = await unpackEntries(tar, directory, limits);
    await flow;
    return unpacked;
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof BoxkiteError) throw error;
    // Where the server keeps it concerns nobody.
    const why = messageOf(error).replaceAll(`${directory}/`, "").replaceAll(directory, ".");
    throw new BoxkiteError("INVALID_ARGUMENT", `the build context cannot be unpacked: ${why}`, {
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
  const sizes = new Map<string, number>();
  const links: ContextLink[] = [];
  let bytes = 0;
  let entries = 0;
  for await (const entry of tar) {
    const { header } = entry;
    const path = insidePath(header.name);
    // A hard link becomes a copy.
    const size = header.type === "link" ? sizes.get(insidePath(header.linkname ?? "")) : header.size;
    bytes += size ?? 0;
    refuseAbove(bytes, limits.unpackedBytes, `the unpacked build context (at ${path})`);
    if (++entries > limits.entries) {
      throw new BoxkiteError("LIMIT_EXCEEDED", `the build context has more than ${limits.entries} entries`, {
        hint: IGNORE_HINT,
      });
    }
    if (header.type !== "directory") {
      if (sizes.has(path)) throw duplicate(path);
      sizes.set(path, size ?? 0);
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
        await copyFile(join(directory, original), target, constants.COPYFILE_EXCL);
        digests.set(path, digests.get(original) ?? "");
        break;
      }
      case "symlink":
        links.push({ path, target: insideLink(path, header.linkname ?? "") });
        break;
      default:
        throw new BoxkiteError("INVALID_ARGUMENT", `the build context holds ${path}, a ${header.type}`, {
          hint: "Only files, folders and links can be part of a build.",
        });
    }
    entry.resume();
  }
  // Links are created last: before that no path of the archive can lead through one.
  for (const { path, target } of links) {
    const location = join(directory, path);
    await mkdir(dirname(location), { recursive: true, mode: 0o755 });
    await symlink(target, location);
    digests.set(path, createHash("sha256").update(`link\0${target}`).digest("hex"));
  }
  await refuseEscapingLinks(directory, links);
  await settleFolderTimes(directory);
  return describeContext(digests);
}

function duplicate(path: string): BoxkiteError {
  return new BoxkiteError("INVALID_ARGUMENT", `the build context holds ${path} twice`, {
    hint: "Which of them is meant cannot be known: create the archive anew.",
  });
}

async function writeFile(entry: Entry, target: string, header: Header): Promise<string> {
  const mode = ((header.mode ?? 0o644) & 0o777) | 0o600;
  const hash = createHash("sha256").update(`file ${mode & 0o111 ? "x" : "-"}\0`);
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  const file = await open(target, "wx", mode);
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

/** Folders get the time that the SDK gives to all files, because builders hash times along with contents. */
async function settleFolderTimes(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  for (const entry of entries) {
    if (entry.isDirectory()) await utimes(join(entry.parentPath, entry.name), EPOCH, EPOCH);
  }
  await utimes(directory, EPOCH, EPOCH);
}

const EPOCH = new Date("1981-01-01T00:00:00Z");
