/** Unpacks the code that was sent with a run, by the same rules as the server does. */
import { rm } from "node:fs/promises";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { BUNDLE_LIMITS, BundleRefused } from "../../code-bundles/bundle-entry.ts";
import { makeArchive } from "../../code-bundles/make-archive.ts";
import { unpackArchive } from "../../code-bundles/unpack-archive.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { errnoOf } from "../../lib/errno.ts";

/**
 * Into a directory that exists, with the files by which every version of the SDK takes the code for unpacked: it would write
 * over what was edited. Throws INVALID_ARGUMENT where somebody else than an SDK made the bundle, and SERVER_UNREACHABLE.
 */
export async function unpackBundle(content: Readable, uri: string, directory: string): Promise<void> {
  const archive = `${directory}.tar`;
  try {
    await makeArchive({ kind: "tgz", fileName: basename(uri), content }, archive, BUNDLE_LIMITS);
    await unpackArchive(archive, directory, { addedMode: 0o644 });
  } catch (error) {
    throw readable(error, uri);
  } finally {
    await rm(archive, { force: true });
  }
}

function readable(error: unknown, uri: string): unknown {
  if (error instanceof BundleRefused)
    return new BoxkiteError("INVALID_ARGUMENT", `the code ${uri} is not unpacked: ${error.message}`, {
      hint: "leave the source out: --no-source",
      cause: error,
    });
  if (errnoOf(error) !== "ECONNRESET") return error;
  return new BoxkiteError("SERVER_UNREACHABLE", `the connection broke off while the code ${uri} was read`, {
    hint: "type the command again",
    cause: error,
  });
}
