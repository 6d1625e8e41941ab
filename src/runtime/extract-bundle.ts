/** Code bundles: downloaded and unpacked before the task's module is loaded. */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { gunzipSync } from "node:zlib";
import type { Storage } from "../client/storage/storage.ts";

/** By marker file: attempts that share a process may need the same bundle at the same time. */
const extractions = new Map<string, Promise<void>>();

/**
 * Unpacks the bundle into its destination. If the marker file exists this has been done already: by an earlier
 * action in the same container, or by the platform when it created the container.
 */
export async function extractBundle(
  storage: Storage,
  bundle: { readonly uri: string; readonly destination: string },
): Promise<void> {
  const destination = resolve(bundle.destination);
  const marker = join(destination, `.${basename(bundle.uri)}.extracted`);
  if (existsSync(marker)) return;
  const running = extractions.get(marker);
  if (running !== undefined) return running;
  const extraction = unpackInto(destination, storage, bundle.uri)
    .then(() => writeFileSync(marker, ""))
    .finally(() => extractions.delete(marker));
  extractions.set(marker, extraction);
  return extraction;
}

async function unpackInto(destination: string, storage: Storage, uri: string): Promise<void> {
  const { extract } = await import("tar-stream");
  const unpack = extract();
  unpack.on("entry", (header, stream, next) => {
    const target = resolve(destination, header.name);
    if (target !== destination && !target.startsWith(destination + sep)) {
      next(new Error(`the bundle has an entry outside of its folder: ${header.name}`));
      return;
    }
    const chunks: Uint8Array[] = [];
    stream.on("data", (chunk) => chunks.push(chunk as Uint8Array));
    stream.on("end", () => {
      if (header.type === "directory") mkdirSync(target, { recursive: true });
      else if (header.type === "file") {
        mkdirSync(dirname(target), { recursive: true });
        writeFileSync(target, Buffer.concat(chunks));
        if (header.mode !== undefined) chmodSync(target, header.mode | 0o600);
      }
      next();
    });
    stream.resume();
  });
  const bytes = gunzipSync(await storage.read(uri));
  await pipeline(Readable.from([bytes]), unpack);
}
