import { createHash, type Hash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import type { Layer } from "./image.ts";

export interface TaggedParts {
  readonly base: string | undefined;
  readonly platforms: readonly string[];
  readonly dockerfile: string | undefined;
  readonly layers: readonly Layer[];
}

/** A hash of everything that a build depends on: the same content has the same tag. */
export function imageTag({ base, platforms, dockerfile, layers }: TaggedParts): string {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([base, [...platforms].sort()]));
  if (dockerfile !== undefined) {
    // The Dockerfile may copy anything from its folder.
    hash.update(`${basename(dockerfile)}\0`);
    hashTree(hash, dirname(dockerfile), "");
  }
  for (const layer of layers) {
    if (layer.kind === "copy") hashTree(hash, layer.from, layer.to);
    else hash.update(JSON.stringify(layer));
  }
  return hash.digest("hex").slice(0, 24);
}

/** Of names and contents, not of times and owners. */
function hashTree(hash: Hash, from: string, to: string): void {
  if (!statSync(from).isDirectory()) {
    hash.update(`file ${basename(from)} ${to}\0`).update(readFileSync(from));
    return;
  }
  const entries = readdirSync(from, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  hash.update(`folder ${to}\0`);
  for (const file of files.sort()) hash.update(`${relative(from, file)}\0`).update(readFileSync(file));
}
