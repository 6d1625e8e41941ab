/** Blobs by URI, as tasks use them: `s3://bucket/key` through the S3 API, `file://…` and plain paths as files. */
import { FileStorage } from "./file-storage.ts";
import { s3SettingsFrom } from "./s3-settings.ts";
import type { Storage } from "./storage-type.ts";
import { systemClock, type Clock } from "../../lib/clock.ts";

export { BlobNotFoundError, type Storage } from "./storage-type.ts";

/** Credentials and endpoint are read from `env` when the first `s3://` URI is used. */
export function openStorage(
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock = systemClock,
): Storage {
  const files = new FileStorage();
  let s3: Storage | undefined;
  const openS3 = async (): Promise<Storage> => {
    const settings = s3SettingsFrom(env);
    const { S3Storage } = await import("./s3-storage.ts");
    return (s3 ??= new S3Storage(settings, clock));
  };
  const of = async (uri: string): Promise<Storage> => {
    if (uri.startsWith("s3://")) return s3 ?? openS3();
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(uri) && !uri.startsWith("file://")) {
      throw new TypeError(`${uri}: only s3://, file:// and plain paths can be read and written`);
    }
    return files;
  };
  return {
    read: async (uri) => (await of(uri)).read(uri),
    write: async (uri, bytes) => (await of(uri)).write(uri, bytes),
    download: async (uri, path) => (await of(uri)).download(uri, path),
    upload: async (path, uri) => (await of(uri)).upload(path, uri),
    list: async (prefix) => (await of(prefix)).list(prefix),
  };
}

/** `base` and `name` with one slash between them. */
export function joinUri(base: string, ...names: readonly string[]): string {
  return [base.replace(/\/+$/, ""), ...names].join("/");
}
