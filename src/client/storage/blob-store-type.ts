/** Storage for the contents of File and Dir. URIs are `s3://…`, `file://…` or plain paths. */
export interface BlobStore {
  read(uri: string): Promise<Uint8Array>;
  /** To a local path whose folder exists. */
  download(uri: string, path: string): Promise<void>;
  /** The URIs below a prefix, in byte order. */
  list(prefix: string): Promise<string[]>;
  /** Stores bytes at a fresh URI that ends in `name`. */
  putBytes(name: string, bytes: Uint8Array): Promise<string>;
  /** Stores a local file, streamed, at a fresh URI that ends in its name. */
  putFile(path: string): Promise<string>;
  /** Stores what is in a local folder; the URI is the prefix of all of it. */
  putFolder(path: string): Promise<string>;
}
