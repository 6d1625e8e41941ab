import { copyFile, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { BlobNotFoundError, type Storage } from "./storage-type.ts";

/** Of this process: two at a time may be to the same path. */
let writes = 0;

/** Local files, or files in a folder that all task containers mount at the same path. */
export class FileStorage implements Storage {
  async read(uri: string): Promise<Uint8Array> {
    try {
      return await readFile(pathOf(uri));
    } catch (error) {
      throw isMissing(error) ? new BlobNotFoundError(uri, error) : error;
    }
  }

  async write(uri: string, bytes: Uint8Array): Promise<void> {
    const path = pathOf(uri);
    await mkdir(dirname(path), { recursive: true });
    // Renamed when complete, so that a reader never sees a part of it.
    const temporary = `${path}.${process.pid}-${++writes}.tmp`;
    await writeFile(temporary, bytes);
    await rename(temporary, path);
  }

  async download(uri: string, path: string): Promise<void> {
    try {
      await copyFile(pathOf(uri), path);
    } catch (error) {
      throw isMissing(error) ? new BlobNotFoundError(uri, error) : error;
    }
  }

  async upload(path: string, uri: string): Promise<void> {
    const target = pathOf(uri);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(path, target);
  }

  async list(prefix: string): Promise<string[]> {
    const path = pathOf(prefix);
    const folder = path.endsWith("/") ? path : dirname(path);
    try {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const files = entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
      return files.filter((file) => file.startsWith(path)).sort();
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }
}

function pathOf(uri: string): string {
  return uri.startsWith("file://") ? fileURLToPath(uri) : uri;
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
