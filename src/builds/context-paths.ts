/** The archive is untrusted: every path and link in it must stay inside the folder it is unpacked into. */
import { realpath } from "node:fs/promises";
import { join, posix, sep } from "node:path";
import { BoxkiteError } from "../domain/errors.ts";

/** The name of an entry as a normalized relative path. Throws INVALID_ARGUMENT, which names it. */
export function insidePath(name: string): string {
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

/** Returns the link's target unchanged. Throws INVALID_ARGUMENT, which names path and target. */
export function insideLink(path: string, target: string): string {
  const resolved = posix.normalize(posix.join(posix.dirname(path), target));
  if (target.startsWith("/") || target.includes("\0") || resolved === ".." || resolved.startsWith("../")) {
    throw escapes(path, target);
  }
  return target;
}

/** A link can lead out through another link; only the file system can resolve that. */
export async function refuseEscapingLinks(
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
      continue; // A dangling link: it cannot lead out of the folder.
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
