/**
 * Unpacks a tar that somebody else made into a new directory of this machine. Nothing is written outside of it, and no link
 * is made that leads out; links are made last, so that nothing is written through one.
 */
import { chmod, mkdir, open, symlink } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Readable } from "node:stream";
import { extract } from "tar-stream";
import { BoxkiteError } from "../../domain/errors.ts";

export interface UnpackLimits {
  readonly bytes: number;
  readonly entries: number;
}

export interface Unpacked {
  /** Names in the directory. */
  readonly entries: readonly string[];
  /** Those of them that are not whole: something below was left out. */
  readonly incomplete: readonly string[];
}

/** `strip`: how many folders are taken off each name. Throws LIMIT_EXCEEDED. */
export async function unpackTar(
  tar: Readable,
  directory: string,
  limits: UnpackLimits,
  strip = 0,
): Promise<Unpacked> {
  const entries = new Set<string>();
  const incomplete = new Set<string>();
  const links: { readonly name: string; readonly target: string }[] = [];
  let [bytes, count] = [0, 0];
  const parser = extract();
  const flow = pipeline(tar, parser);
  // The loop below fails with it.
  flow.catch(() => {});
  for await (const entry of parser) {
    const { type, linkname, mode, size } = entry.header;
    const name = insidePath(entry.header.name, strip);
    if (name !== undefined) {
      const [top = ""] = name.split("/", 1);
      entries.add(top);
      bytes += size;
      count++;
      if (bytes > limits.bytes || count > limits.entries) throw tooMuch(limits);
      const path = join(directory, name);
      if (type === "directory") await mkdir(path, { recursive: true });
      else if (type === "file") {
        await mkdir(dirname(path), { recursive: true });
        const file = await open(path, "w");
        await pipeline(entry, file.createWriteStream());
        // By containers that run as any user, whatever the umask is.
        await chmod(path, (mode & 0o777) | 0o644);
      } else if (type === "symlink" && isInside(name, linkname)) links.push({ name, target: linkname });
      else incomplete.add(top);
    }
    entry.resume();
  }
  await flow;
  for (const { name, target } of links) {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    // What has the name already is no link.
    await symlink(target, path).catch(() => incomplete.add(name.split("/", 1)[0] ?? ""));
  }
  return { entries: [...entries].filter((name) => name !== ""), incomplete: [...incomplete] };
}

/** Undefined for the folder itself, and for what lies outside of it. */
function insidePath(full: string, strip: number): string | undefined {
  const parts = full.split("/").filter((part) => part !== "" && part !== ".");
  if (full.startsWith("/") || parts.includes("..")) return undefined;
  const rest = parts.slice(strip).join("/");
  return rest === "" ? undefined : rest;
}

function isInside(name: string, target: string): boolean {
  if (target === "" || target.startsWith("/")) return false;
  const reached = posix.normalize(posix.join(posix.dirname(name), target));
  return reached !== ".." && !reached.startsWith("../");
}

function tooMuch({ bytes, entries }: UnpackLimits): BoxkiteError {
  return new BoxkiteError(
    "LIMIT_EXCEEDED",
    `the source is larger than ${Math.floor(bytes / 2 ** 20)} MiB, or has more than ${entries} files`,
    { hint: "leave it out: --no-source" },
  );
}
