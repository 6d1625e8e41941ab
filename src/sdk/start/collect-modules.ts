/**
 * Files for a bundle that are found from the modules of tasks. Node cannot list the modules that a process has
 * loaded, so imports below the root folder are followed in the files.
 */
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, extname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { specifiersIn } from "./module-imports.ts";

/** The files below `rootDir`, as paths relative to it, that the given modules need. */
export function collectModules(rootDir: string, modules: readonly string[]): string[] {
  const root = resolve(rootDir);
  const found = new Set<string>();
  const queue = modules.map((path) => resolve(path));
  while (queue.length > 0) {
    const path = queue.pop();
    if (path === undefined || found.has(path) || !isBelow(path, root)) continue;
    found.add(path);
    for (const target of importsOf(path)) queue.push(target);
    // Node reads "type" and "imports" there.
    for (const manifest of manifestsAbove(path, root)) found.add(manifest);
  }
  return [...found].map((path) => relative(root, path).split(sep).join("/")).sort();
}

const EXTENSIONS = ["", ".ts", ".mts", ".js", ".mjs", ".cjs", ".json", "/index.ts", "/index.js"];
/** The author's own modules: by a relative path, or by a name in "imports" of package.json. */
const OWN = /^(?:\.{1,2}\/|#)/;

/** A specifier that names no file is ignored: a build in the image may create the file. */
function importsOf(path: string): string[] {
  if (!/\.(?:[cm]?[jt]s)$/.test(path)) return [];
  const specifiers = specifiersIn(readFileSync(path, "utf8"), path).filter((specifier) =>
    OWN.test(specifier),
  );
  return specifiers.flatMap((specifier) => resolveImport(path, specifier) ?? []);
}

function resolveImport(from: string, specifier: string): string | undefined {
  const base = specifier.startsWith("#") ? subpathImport(from, specifier) : join(dirname(from), specifier);
  if (base === undefined) return undefined;
  const candidates = EXTENSIONS.map((extension) => base + extension);
  // A TypeScript source may name its compiled file.
  if (extname(base) === ".js") candidates.push(base.replace(/\.js$/, ".ts"));
  return candidates.find((candidate) => existsSync(candidate) && statSync(candidate).isFile());
}

/** Plain entries of "imports" in the nearest package.json; those with conditions take their default. */
function subpathImport(from: string, specifier: string): string | undefined {
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    const manifest = join(folder, "package.json");
    if (existsSync(manifest)) {
      const { imports } = JSON.parse(readFileSync(manifest, "utf8")) as { imports?: Record<string, unknown> };
      for (const [pattern, value] of Object.entries(imports ?? {})) {
        const target =
          typeof value === "string" ? value : (value as Record<string, unknown> | null)?.["default"];
        if (typeof target !== "string" || isAbsolute(target)) continue;
        const [prefix = "", suffix = ""] = pattern.split("*");
        if (pattern === specifier) return join(folder, target);
        if (!pattern.includes("*") || !specifier.startsWith(prefix) || !specifier.endsWith(suffix)) continue;
        return join(
          folder,
          target.replace("*", specifier.slice(prefix.length, specifier.length - suffix.length)),
        );
      }
      return undefined;
    }
    if (dirname(folder) === folder) return undefined;
  }
}

function* manifestsAbove(path: string, root: string): Iterable<string> {
  for (let folder = dirname(path); isBelow(join(folder, "x"), root); folder = dirname(folder)) {
    const manifest = join(folder, "package.json");
    if (existsSync(manifest)) yield manifest;
    if (folder === root) return;
  }
}

function isBelow(path: string, root: string): boolean {
  return (
    path.startsWith(root.endsWith(sep) ? root : root + sep) && !path.includes(`${sep}node_modules${sep}`)
  );
}
