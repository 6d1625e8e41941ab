/**
 * Code bundles: the author's own modules as a gzipped tar, the same bytes for the same files.
 *
 * Which modules a process has loaded cannot be asked in Node, so "loaded_modules" is found out from
 * the files: what the modules of the tasks import from the root folder, and what those import.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, extname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";

export interface CodeBundle {
  readonly filename: string;
  readonly content: Uint8Array<ArrayBuffer>;
  /** Hex MD5 of the files: the version of the code. */
  readonly version: string;
  readonly files: readonly string[];
}

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

export async function packBundle(rootDir: string, files: readonly string[]): Promise<CodeBundle> {
  const archive = pack();
  const hash = createHash("md5");
  for (const name of files) {
    const content = readFileSync(join(rootDir, name));
    const executable = (statSync(join(rootDir, name)).mode & 0o111) !== 0;
    // Times and owners are left out: the same files are the same bundle on every machine.
    archive.entry({ name, mode: executable ? 0o755 : 0o644, mtime: new Date(0), uid: 0, gid: 0 }, content);
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  const content = new Uint8Array(gzipSync(Buffer.concat(chunks)));
  const version = hash.digest("hex");
  return { filename: `fast${version}.tar.gz`, content, version, files };
}

/** Over-reading is harmless: a specifier in a comment that names no file is dropped. */
const IMPORT =
  /(?:\bfrom|\bimport|\bimport\s*\(|\brequire\s*\(|\bnew\s+URL\s*\()\s*(["'])(\.{1,2}\/[^"'\n]+|#[^"'\n]+)\1/g;
const EXTENSIONS = ["", ".ts", ".mts", ".js", ".mjs", ".cjs", ".json", "/index.ts", "/index.js"];

function importsOf(path: string): string[] {
  if (!/\.(?:[cm]?[jt]s)$/.test(path)) return [];
  const source = readFileSync(path, "utf8");
  return [...source.matchAll(IMPORT)].flatMap(([, , specifier]) => {
    const target = specifier === undefined ? undefined : resolveImport(path, specifier);
    return target === undefined ? [] : [target];
  });
}

function resolveImport(from: string, specifier: string): string | undefined {
  const base = specifier.startsWith("#") ? subpathImport(from, specifier) : join(dirname(from), specifier);
  if (base === undefined) return undefined;
  const candidates = EXTENSIONS.map((extension) => base + extension);
  // A TypeScript source may name the file it will become.
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
