/** How the codecs see a File or a Dir: by where it is. The SDK's classes are made from and read as this. */
export interface BlobReference {
  /** A URI in the task's storage, such as `s3://bucket/key`. */
  readonly uri: string;
  readonly multipart: boolean;
  /** Empty unless the type names one. */
  readonly format: string;
  /** A hash of the content, if the author gave one: it replaces the URI in cache keys. */
  readonly hash?: string | undefined;
}

const marker = Symbol.for("boxkite.blob");

/** Values that stand for a blob carry this method. */
export interface BlobValue {
  readonly [marker]: () => BlobReference;
}

export const BLOB: typeof marker = marker;

export function isBlobValue(value: unknown): value is BlobValue {
  return typeof value === "object" && value !== null && marker in value;
}

/** Makes the author-facing object for a blob; the SDK passes its File and Dir classes. */
export type BlobFactory = (reference: BlobReference) => unknown;

let factory: BlobFactory = (reference) => ({ ...reference, [marker]: () => reference });

export function setBlobFactory(next: BlobFactory): void {
  factory = next;
}

export function makeBlob(reference: BlobReference): unknown {
  return factory(reference);
}
