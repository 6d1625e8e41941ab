/**
 * What a bundle may contain. It is untrusted: each path and link has to stay inside of the folder that it is unpacked into.
 * What is refused is not lost: the task unpacks it itself, as without this server.
 */
import { posix } from "node:path";
import type { Header } from "tar-stream";
import { quoted } from "../domain/text.ts";

export interface BundleLimits {
  /** Of all files together, unpacked; also of the bundle as it is stored. */
  readonly bytes: number;
  readonly entries: number;
}

export const BUNDLE_LIMITS: BundleLimits = { bytes: 512 * 1024 ** 2, entries: 50_000 };

/** The bundle is left to the task; the message says why. */
export class BundleRefused extends Error {
  override readonly name = "BundleRefused";
}

export interface BundleEntry {
  readonly name: string;
  readonly type: "file" | "directory" | "symlink" | "link";
  /** Of a link: for a symbolic one as it was written, for another the name of an earlier file. */
  readonly linkname?: string;
  readonly mode: number;
  readonly size: number;
}

/** Of a path and of each of its parts, in bytes. */
const MAX_PATH = 2_048;
const MAX_NAME = 255;

/** One for each bundle: entries are checked against those before them. */
export class EntryCheck {
  readonly #limits: BundleLimits;
  /** What has a name so far; directories also where they are only the folder of another entry. */
  readonly #types = new Map<string, BundleEntry["type"]>();
  #bytes = 0;

  /** `reserved`: names that no entry may have. */
  constructor(limits: BundleLimits, reserved: readonly string[]) {
    this.#limits = limits;
    for (const name of reserved) this.#types.set(name, "file");
  }

  /** Undefined for the folder itself. Throws BundleRefused. */
  check(header: Header): BundleEntry | undefined {
    const name = insidePath(header.name);
    if (name === undefined) return undefined;
    const type = typeOf(header, name);
    if (this.#types.has(name)) {
      if (type === "directory" && this.#types.get(name) === "directory") return undefined;
      throw new BundleRefused(`it has ${quoted(name)} twice`);
    }
    this.#addFolders(name);
    this.#add(name, type);
    this.#bytes += type === "file" ? (header.size ?? 0) : 0;
    if (this.#bytes > this.#limits.bytes) throw new BundleRefused(tooLarge(this.#limits.bytes));
    // Without setuid, setgid and the sticky bit.
    const mode = (header.mode ?? (type === "directory" ? 0o755 : 0o644)) & 0o777;
    const entry = { name, type, mode, size: type === "file" ? (header.size ?? 0) : 0 };
    if (type === "symlink") return { ...entry, linkname: insideTarget(name, header.linkname ?? "") };
    return type === "link" ? { ...entry, linkname: this.#linkedFile(name, header.linkname ?? "") } : entry;
  }

  #addFolders(name: string): void {
    for (let end = name.indexOf("/"); end !== -1; end = name.indexOf("/", end + 1)) {
      const folder = name.slice(0, end);
      const type = this.#types.get(folder);
      if (type === undefined) this.#add(folder, "directory");
      else if (type !== "directory")
        throw new BundleRefused(`it has ${quoted(name)} below ${quoted(folder)}, which is no directory`);
    }
  }

  #add(name: string, type: BundleEntry["type"]): void {
    this.#types.set(name, type);
    if (this.#types.size > this.#limits.entries)
      throw new BundleRefused(`it has more than ${this.#limits.entries} entries`);
  }

  #linkedFile(name: string, target: string): string {
    const linked = insidePath(target) ?? "";
    if (this.#types.get(linked) === "file") return linked;
    throw new BundleRefused(`it has a link ${quoted(name)} to ${quoted(target)}, which is no file before it`);
  }
}

export function tooLarge(bytes: number): string {
  return `it is larger than ${Math.floor(bytes / 1024 ** 2)} MiB`;
}

/** Whether a file of this name can be in a folder. */
export function isFileName(name: string): boolean {
  return isPlain(name) && !name.includes("/") && ![".", ".."].includes(name);
}

/** Normalized and relative. */
function insidePath(name: string): string | undefined {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  const isPath = !name.startsWith("/") && !parts.includes("..") && Buffer.byteLength(name) <= MAX_PATH;
  if (!isPath || !parts.every(isPlain))
    throw new BundleRefused(`it has an entry ${quoted(name)}, which is no path inside of it`);
  return parts.length === 0 ? undefined : parts.join("/");
}

function isPlain(part: string): boolean {
  // The last is what bytes become that are no text.
  return part !== "" && Buffer.byteLength(part) <= MAX_NAME && !/[\p{Cc}\uFFFD]/u.test(part);
}

function typeOf({ type }: Header, name: string): BundleEntry["type"] {
  switch (type) {
    case "file":
    case "contiguous-file":
      return "file";
    case "directory":
    case "symlink":
    case "link":
      return type;
    default:
      throw new BundleRefused(`it has ${quoted(name)}, a ${type ?? "entry of an unknown type"}`);
  }
}

/**
 * First up, then down: a path that goes up after it went down could leave through another link. The folder of a link is
 * reached without one, so what is up there is known.
 */
function insideTarget(name: string, target: string): string {
  const parts = target.split("/");
  const down = parts.findIndex((part) => part !== "..");
  const up = down === -1 ? parts.length : down;
  const depth = posix.dirname(name) === "." ? 0 : posix.dirname(name).split("/").length;
  const rest = parts.slice(up).filter((part, index, all) => part !== "" || index < all.length - 1);
  const isInside = !target.startsWith("/") && up <= depth && !rest.includes("..") && rest.every(isPlain);
  if (target !== "" && isInside) return target;
  throw new BundleRefused(`it has a link ${quoted(name)} to ${quoted(target)}, which may lead out of it`);
}
