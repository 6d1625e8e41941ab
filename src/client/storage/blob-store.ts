import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import type { BlobStore } from "./blob-store-type.ts";
import { joinUri, type Storage } from "./storage.ts";

/** A storage that puts new blobs below a prefix: the raw data prefix of an action. */
export function scopedBlobStore(storage: Storage, prefix: string): BlobStore {
  const freshUri = (name: string): string => joinUri(prefix, randomBytes(8).toString("hex"), name);
  return {
    read: (uri) => storage.read(uri),
    download: (uri, path) => storage.download(uri, path),
    list: (wanted) => storage.list(wanted),
    putBytes: async (name, bytes) => {
      const uri = freshUri(name);
      await storage.write(uri, bytes);
      return uri;
    },
    putFile: async (path) => {
      const uri = freshUri(basename(path));
      await storage.upload(path, uri);
      return uri;
    },
    putFolder: async (path) => {
      const uri = freshUri(basename(path));
      const entries = await readdir(path, { recursive: true, withFileTypes: true });
      for (const entry of entries.filter((candidate) => candidate.isFile())) {
        const local = join(entry.parentPath, entry.name);
        await storage.upload(local, joinUri(uri, relative(path, local).replaceAll("\\", "/")));
      }
      return uri;
    },
  };
}
