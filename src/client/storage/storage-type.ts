/** The interface of all storages. URIs are absolute: `s3://bucket/key`, `file:///path`, `/path`. */
export interface Storage {
  /** Throws BlobNotFoundError. */
  read(uri: string): Promise<Uint8Array>;
  write(uri: string, bytes: Uint8Array): Promise<void>;
  /** To a local path whose folder exists; streamed. */
  download(uri: string, path: string): Promise<void>;
  /** From a local path; streamed. */
  upload(path: string, uri: string): Promise<void>;
  /** The URIs below a prefix, in byte order. */
  list(prefix: string): Promise<string[]>;
}

export class BlobNotFoundError extends Error {
  override readonly name = "BlobNotFoundError";
  readonly uri: string;

  constructor(uri: string, cause?: unknown) {
    super(`there is nothing at ${uri}`, cause === undefined ? {} : { cause });
    this.uri = uri;
  }
}
