/** Files for a bundle that are selected by their path, not by who imports them. */
import { globSync, readdirSync, statSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { readGitIgnore, type IgnoredPath } from "./git-ignore.ts";

const DEPENDENCIES = "node_modules";

/** All files below `rootDir`, relative to it, except hidden ones, dependencies and what git ignores. */
export function collectAll(rootDir: string): string[] {
  const root = resolve(rootDir);
  return relativeTo(root, filesBelow(root, readGitIgnore(root)));
}

function* filesBelow(folder: string, ignored: IgnoredPath): Iterable<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name.startsWith(".") || entry.name === DEPENDENCIES) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory() && !ignored(`${path}/`)) yield* filesBelow(path, ignored);
    if (entry.isFile() && !ignored(path)) yield path;
  }
}

/** The files that an environment includes: a path even if git ignores it, a glob only what git does not ignore. */
export function collectIncluded(rootDir: string, include: readonly string[]): string[] {
  const root = resolve(rootDir);
  const ignored = readGitIgnore(root);
  const found = include.flatMap((pattern) => {
    if (isFile(join(root, pattern))) return [join(root, pattern)];
    const paths = globSync(pattern, { cwd: root }).map((path) => join(root, path));
    return paths.filter((path) => isFile(path) && !ignored(path));
  });
  return relativeTo(root, found).filter((name) => !name.split("/").some(isVersionControl));
}

/** In lower or upper case, because some file systems do not distinguish them. */
function isVersionControl(part: string): boolean {
  return part.toLowerCase() === ".git";
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function relativeTo(root: string, paths: Iterable<string>): string[] {
  return [...new Set(paths)].map((path) => relative(root, path).split(sep).join("/")).sort();
}
