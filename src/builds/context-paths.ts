/** The archive is untrusted: every path and link in it must stay inside the folder it is unpacked into. */
import { realpath } from "node:fs/promises";
import { join, posix, sep } from "node:path";
import { BoxkiteError } from "../domain/errors.ts";
import { quoted } from "../domain/text.ts";

/** Of a path, in bytes; file systems take 4096 with the folder it is in. */
const MAX_PATH = 2048;
const MAX_DEPTH = 128;
/** Of one part of a path, in bytes. */
const MAX_NAME = 255;
/** As Linux follows them. */
const MAX_LINKS = 40;

export interface ContextLink {
  readonly path: string;
  readonly target: string;
}

/** The name of an entry as a normalized relative path. Throws INVALID_ARGUMENT, which names it. */
export function insidePath(name: string): string {
  requirePlainText(name, name);
  const clean = posix.normalize(name).replace(/\/$/, "");
  if (clean.startsWith("/") || clean === ".." || clean.startsWith("../")) throw leavesContext(name);
  const parts = clean.split("/");
  const isTooLong = Buffer.byteLength(clean) > MAX_PATH || parts.length > MAX_DEPTH;
  if (isTooLong || parts.some((part) => Buffer.byteLength(part) > MAX_NAME)) {
    throw new BoxkiteError(
      "LIMIT_EXCEEDED",
      `the build context holds ${quoted(name)}, whose path is too long`,
      {
        hint: `A path has at most ${MAX_PATH} bytes and ${MAX_DEPTH} folders, and each of its parts ${MAX_NAME} bytes.`,
      },
    );
  }
  return clean;
}

/** Returns the link's target unchanged. Throws INVALID_ARGUMENT, which names path and target. */
export function insideLink(path: string, target: string): string {
  requirePlainText(target, path);
  const resolved = posix.normalize(posix.join(posix.dirname(path), target));
  if (target.startsWith("/") || resolved === ".." || resolved.startsWith("../")) {
    throw escapes({ path, target });
  }
  return target;
}

/**
 * A link can lead out through another link. They are followed by name first: what a link leads to may be created later,
 * so one that dangles now counts as well. The file system decides about names that it takes for the same.
 */
export async function refuseEscapingLinks(directory: string, links: readonly ContextLink[]): Promise<void> {
  if (links.length === 0) return;
  const targets = new Map(links.map(({ path, target }) => [path, target]));
  const root = await realpath(directory);
  for (const link of links) {
    if (!staysInside(link.path, targets)) throw escapes(link);
    let end: string;
    try {
      end = await realpath(join(directory, link.path));
    } catch {
      continue; // It dangles, inside of the folder.
    }
    if (end !== root && !end.startsWith(root + sep)) throw escapes(link);
  }
}

/** Whether each step of this path, with the links on it followed, is inside; a loop is not. */
function staysInside(path: string, targets: ReadonlyMap<string, string>): boolean {
  const left = path.split("/");
  const reached: string[] = [];
  let followed = 0;
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (reached.pop() === undefined) return false;
      continue;
    }
    const target = targets.get([...reached, part].join("/"));
    if (target === undefined) reached.push(part);
    else if (++followed > MAX_LINKS) return false;
    else left.unshift(...target.split("/"));
  }
  return true;
}

/** Names end up in logs and in a Containerfile. */
function requirePlainText(text: string, name: string): void {
  // The last is what bytes become that are no text.
  // eslint-disable-next-line no-control-regex -- They are what is searched.
  if (text !== "" && !/[\0-\x1F\x7F\u2028\u2029\uFFFD]/.test(text)) return;
  throw new BoxkiteError(
    "INVALID_ARGUMENT",
    `the build context holds ${quoted(name)}, with a name that is empty, no UTF-8, or has control characters`,
    { hint: "Rename the file, or leave it out with .dockerignore." },
  );
}

function leavesContext(name: string): BoxkiteError {
  return new BoxkiteError(
    "INVALID_ARGUMENT",
    `the build context holds ${quoted(name)}, which leads out of it`,
    {
      hint: "Every path must be relative and below the folder that is sent.",
    },
  );
}

function escapes({ path, target }: ContextLink): BoxkiteError {
  return new BoxkiteError(
    "INVALID_ARGUMENT",
    `the build context holds ${path}, a link to ${target}, which leads out of it or to itself`,
    { hint: "Copy the file into the folder that is sent, or leave the link out with .dockerignore." },
  );
}
