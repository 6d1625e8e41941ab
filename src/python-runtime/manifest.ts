/** The description of a runtime, written when all else is there. boot.py and check.py read the packages in it. */
import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { orAbsent } from "../lib/errno.ts";

export interface RuntimePackage {
  readonly version: string;
  /** The outermost modules that are its own (modules.ts). */
  readonly modules: readonly string[];
}

/** By their normalized names. */
export type RuntimePackages = Readonly<Record<string, RuntimePackage>>;

interface Size {
  readonly files: number;
  readonly bytes: number;
}

export interface Manifest extends Size {
  readonly packages: RuntimePackages;
}

/** What goes on Python's module path. */
export const PACKAGES_DIRECTORY = "packages";
const MANIFEST = "packages.json";

export async function writeManifest(runtime: string, packages: RuntimePackages): Promise<void> {
  const manifest: Manifest = { ...(await measure(join(runtime, PACKAGES_DIRECTORY))), packages };
  const path = join(runtime, MANIFEST);
  await writeFile(path, JSON.stringify(manifest));
  await chmod(path, 0o644);
}

/**
 * Undefined where the runtime is not there or not complete. Its files are counted: after a power failure a directory
 * may have the names of files without their content, and a description that is cut.
 */
export async function readManifest(runtime: string): Promise<Manifest | undefined> {
  const text = await orAbsent(readFile(join(runtime, MANIFEST), "utf8"));
  const manifest = text === undefined ? undefined : parse(text);
  if (manifest === undefined) return undefined;
  const found = await measure(join(runtime, PACKAGES_DIRECTORY));
  return found.files === manifest.files && found.bytes === manifest.bytes ? manifest : undefined;
}

function parse(text: string): Manifest | undefined {
  try {
    return (JSON.parse(text) as Manifest | null) ?? undefined;
  } catch {
    return undefined;
  }
}

async function measure(directory: string): Promise<Size> {
  const entries = (await orAbsent(readdir(directory, { recursive: true, withFileTypes: true }))) ?? [];
  const files = entries.filter((entry) => entry.isFile());
  let bytes = 0;
  for (const { parentPath, name } of files) bytes += (await stat(join(parentPath, name))).size;
  return { files: files.length, bytes };
}
