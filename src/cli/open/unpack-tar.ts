/**
 * Unpacks a tar of an image's files into a new directory of this machine. Entries that could lead out of it are left out, by
 * the rules for code bundles: what is in an image is as little trusted.
 */
import { pipeline } from "node:stream/promises";
import type { Readable } from "node:stream";
import { extract, type Header } from "tar-stream";
import {
  BundleRefused,
  EntryCheck,
  isFileName,
  type BundleEntry,
  type BundleLimits,
} from "../../code-bundles/bundle-entry.ts";
import { createEntryWriter } from "../../code-bundles/entry-writer.ts";
import { BoxkiteError } from "../../domain/errors.ts";

export interface Unpacked {
  /** Names in the directory. */
  readonly entries: readonly string[];
  /** Those of them that are not whole: something below was left out. */
  readonly incomplete: readonly string[];
}

export interface UnpackOptions {
  readonly limits: BundleLimits;
  /** How many folders are taken off each name. */
  readonly strip: number;
  /** Names that no entry may have. */
  readonly reserved?: readonly string[];
}

/** Held here, since what is too large is no entry that could be left out. */
const NO_LIMITS: BundleLimits = { bytes: Infinity, entries: Infinity };

/** Throws LIMIT_EXCEEDED. */
export async function unpackTar(
  tar: Readable,
  directory: string,
  { limits, strip, reserved = [] }: UnpackOptions,
): Promise<Unpacked> {
  const entries = new Set<string>();
  const incomplete = new Set<string>();
  const check = new EntryCheck(NO_LIMITS, reserved);
  const write = await createEntryWriter(directory, { addedMode: 0o644 });
  let [bytes, count] = [0, 0];
  const parser = extract();
  const flow = pipeline(tar, parser);
  // The loop below fails with it.
  flow.catch(() => {});
  for await (const entry of parser) {
    const header = stripped(entry.header, strip);
    bytes += header.size ?? 0;
    count++;
    if (bytes > limits.bytes || count > limits.entries) throw tooMuch(limits);
    const top = topOf(header.name);
    try {
      const checked: BundleEntry | undefined = check.check(header);
      if (checked !== undefined) await write(checked, entry);
      if (top !== undefined) entries.add(top);
    } catch (error) {
      if (!(error instanceof BundleRefused)) throw error;
      if (top !== undefined) incomplete.add(top);
    }
    entry.resume();
  }
  await flow;
  return { entries: [...new Set([...entries, ...incomplete])], incomplete: [...incomplete] };
}

/** Links to files have the full names of those. */
function stripped(header: Header, strip: number): Header {
  const without = (name: string) =>
    name.startsWith("/")
      ? name
      : name
          .split("/")
          .filter((part) => part !== "" && part !== ".")
          .slice(strip)
          .join("/");
  return {
    ...header,
    name: without(header.name),
    ...(header.type === "link" && { linkname: without(header.linkname ?? "") }),
  };
}

/** Undefined for what is not in the directory. */
function topOf(name: string): string | undefined {
  const [top = ""] = name.split("/", 1);
  return isFileName(top) ? top : undefined;
}

function tooMuch({ bytes, entries }: BundleLimits): BoxkiteError {
  return new BoxkiteError(
    "LIMIT_EXCEEDED",
    `the source is larger than ${Math.floor(bytes / 2 ** 20)} MiB, or has more than ${entries} files`,
    { hint: "leave it out: --no-source" },
  );
}
