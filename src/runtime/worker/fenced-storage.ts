import type { Storage } from "../../client/storage/storage.ts";

/** A storage that nobody can use any more once the signal has aborted: its calls reject with the signal's reason. */
export function fencedStorage(storage: Storage, signal: AbortSignal): Storage {
  const fenced =
    <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      signal.throwIfAborted();
      return call(...args);
    };
  return {
    read: fenced((uri: string) => storage.read(uri)),
    write: fenced((uri: string, bytes: Uint8Array) => storage.write(uri, bytes)),
    download: fenced((uri: string, path: string) => storage.download(uri, path)),
    upload: fenced((path: string, uri: string) => storage.upload(path, uri)),
    list: fenced((prefix: string) => storage.list(prefix)),
  };
}
