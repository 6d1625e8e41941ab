/** Makes the archive of a bundle: a tar without compression, with the file by which the SDK sees that the code is there. */
import { createWriteStream } from "node:fs";
import type { Readable } from "node:stream";
import { Transform } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { extract, pack, type Pack } from "tar-stream";
import type { BundleKind } from "./bundle-arguments.ts";
import { BundleRefused, EntryCheck, tooLarge, type BundleLimits } from "./bundle-entry.ts";

export interface BundleSource {
  readonly kind: BundleKind;
  /** The last part of its URI. */
  readonly fileName: string;
  readonly content: Readable;
}

/** Of headers and padding for one entry, at most; long names take several. */
const BYTES_BESIDE_CONTENT = 8 * 1_024;
/** Of files that have no time of their own. */
const EPOCH = new Date(0);

/** The names of what is directly in its folder. Throws BundleRefused, the error of the file system, or that of `content`. */
export async function makeArchive(
  source: BundleSource,
  path: string,
  limits: BundleLimits,
): Promise<readonly string[]> {
  const tar = pack();
  const written = pipeline(tar, createWriteStream(path));
  // The loop that fills it reports its failure, too.
  written.catch(() => undefined);
  try {
    const names =
      source.kind === "tgz" ? await addEntries(source, tar, limits) : await addFile(source, tar, limits);
    tar.finalize();
    await written;
    return names;
  } catch (error) {
    tar.destroy();
    await written.catch(() => undefined);
    throw error;
  }
}

/**
 * The marker is `.NAME.extracted` from flyte 2.8 on, and in a0-ts; before that it is the bundle itself, which may be
 * empty. (flyte/_code_bundle/bundle.py, read for 2.1.0 to 2.12.1)
 */
async function addEntries(
  { fileName, content }: BundleSource,
  tar: Pack,
  limits: BundleLimits,
): Promise<readonly string[]> {
  const markers = [fileName, `.${fileName}.extracted`];
  const check = new EntryCheck(limits, markers);
  const top = new Set(markers);
  const unpacked = extract();
  const flow = pipeline(
    content,
    bounded(limits.bytes),
    createGunzip(),
    bounded(limits.bytes + limits.entries * BYTES_BESIDE_CONTENT),
    unpacked,
  );
  // The loop below fails with it.
  flow.catch(() => undefined);
  for await (const entry of unpacked) {
    const checked = check.check(entry.header);
    if (checked === undefined) {
      entry.resume();
      continue;
    }
    top.add(checked.name.split("/")[0] ?? "");
    const { mtime } = entry.header;
    const header = { ...checked, ...(mtime !== undefined && { mtime }) };
    if (checked.type === "file") await pipeline(entry, tar.entry(header));
    else {
      tar.entry(header);
      entry.resume();
    }
  }
  await flow;
  for (const name of markers) tar.entry({ name, mode: 0o644, mtime: EPOCH }, "");
  return [...top];
}

/** The marker is `.NAME.done` from flyte 2.8 on; earlier ones write the file again. */
async function addFile(
  { fileName, content }: BundleSource,
  tar: Pack,
  { bytes }: BundleLimits,
): Promise<readonly string[]> {
  const limit = bounded(bytes);
  const [pickle] = await Promise.all([buffer(limit), pipeline(content, limit)]);
  const marker = `.${fileName}.done`;
  tar.entry({ name: fileName, mode: 0o644, mtime: EPOCH }, pickle);
  tar.entry({ name: marker, mode: 0o644, mtime: EPOCH }, "");
  return [fileName, marker];
}

/** Passes bytes on, and fails with BundleRefused once there are too many. */
function bounded(limit: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > limit) done(new BundleRefused(tooLarge(limit)));
      else done(null, chunk);
    },
  });
}
