/** Blobs by URI, as a task sees them: `s3://bucket/key` through the S3 API, `file://…` and plain paths as files. */
import { FileStorage } from "./file-storage.ts";
import { S3Storage } from "./s3-storage.ts";
import { s3SettingsFrom } from "./s3-settings.ts";
import type { Storage } from "./storage-type.ts";

export { BlobNotFoundError, type Storage } from "./storage-type.ts";

/** Credentials and endpoint are read from `env` when the first `s3://` URI is used. */
export function openStorage(env: Readonly<Record<string, string | undefined>>): Storage {
  const files = new FileStorage();
  let s3: S3Storage | undefined;
  const of = (uri: string): Storage => {
    if (uri.startsWith("s3://")) return (s3 ??= new S3Storage(s3SettingsFrom(env)));
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(uri) && !uri.startsWith("file://")) {
      throw new TypeError(`${uri}: only s3://, file:// and plain paths can be read and written`);
    }
    return files;
  };
  return {
    read: async (uri) => of(uri).read(uri),
    write: async (uri, bytes) => of(uri).write(uri, bytes),
    download: async (uri, path) => of(uri).download(uri, path),
    upload: async (path, uri) => of(uri).upload(path, uri),
    list: async (prefix) => of(prefix).list(prefix),
  };
}

/** `base` and `name` with one slash between them. */
export function joinUri(base: string, ...names: readonly string[]): string {
  return [base.replace(/\/+$/, ""), ...names].join("/");
}
