/**
 * Files and folders as values: only their URI is sent; the content stays in the task's storage until it is
 * read. The classes are schemas themselves: `inputs: { data: flyte.File }`.
 */
import { mkdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import type { BlobStore } from "./active-context.ts";
import { sharedState } from "./state.ts";
import { BLOB, setBlobFactory, type BlobReference } from "../../wire/literals/blob.ts";
import { JS_TYPE } from "../../wire/literals/json-schema.ts";

async function store(): Promise<BlobStore> {
  const active = sharedState().storage.getStore();
  if (active !== undefined) return active.controller.blobs;
  const { clientBlobStore } = await import("../start/client-blobs.ts");
  return clientBlobStore();
}

type SchemaProps<T> = StandardSchemaV1.Props<T> & StandardJSONSchemaV1.Props<T>;

function blobSchema<T>(jsType: "File" | "Dir", isOne: (value: unknown) => boolean): SchemaProps<T> {
  const jsonSchema = (): Record<string, unknown> => ({ [JS_TYPE]: jsType });
  return {
    version: 1,
    vendor: "boxkite",
    validate: (value) =>
      isOne(value) ? { value: value as T } : { issues: [{ message: `expected a ${jsType}` }] },
    jsonSchema: { input: jsonSchema, output: jsonSchema },
  };
}

/** One file. On the wire it is a Flyte blob: Python sees a flyte.io.File. */
export class File {
  /** In the task's storage: `s3://…`, `file://…` or a path. */
  readonly uri: string;
  /** A hash of the content; in cache keys it replaces the URI. */
  readonly hash: string | undefined;

  static readonly "~standard": SchemaProps<File> = blobSchema<File>("File", (value) => value instanceof File);

  constructor(uri: string, hash?: string) {
    this.uri = uri;
    this.hash = hash;
  }

  /** By shape, so that two installed copies of the package recognise each other's files. */
  static [Symbol.hasInstance](value: unknown): boolean {
    return isBlob(value, false);
  }

  /** Uploads a local file. */
  static async fromLocal(path: string, options: { readonly hash?: string } = {}): Promise<File> {
    return new File(await (await store()).putFile(path), options.hash);
  }

  /** Stores bytes or a text under a name of your choice. */
  static async fromBytes(content: Uint8Array | string, name = "file"): Promise<File> {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    return new File(await (await store()).putBytes(name, bytes));
  }

  /** The whole content in memory. */
  async bytes(): Promise<Uint8Array> {
    return (await store()).read(this.uri);
  }

  async text(): Promise<string> {
    return Buffer.from(await this.bytes()).toString("utf8");
  }

  /** Downloads to a path, or into a folder if the path ends with a slash. Resolves to the path of the file. */
  async download(path: string): Promise<string> {
    const target = path.endsWith("/") ? join(path, basename(this.uri)) : path;
    await mkdir(dirname(target), { recursive: true });
    await (await store()).download(this.uri, target);
    return target;
  }

  [BLOB](): BlobReference {
    return { uri: this.uri, multipart: false, format: "", hash: this.hash };
  }
}

/** A folder of files. On the wire it is a multipart blob: Python sees a flyte.io.Dir. */
export class Dir {
  readonly uri: string;
  readonly hash: string | undefined;

  static readonly "~standard": SchemaProps<Dir> = blobSchema<Dir>("Dir", (value) => value instanceof Dir);

  constructor(uri: string, hash?: string) {
    this.uri = uri;
    this.hash = hash;
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    return isBlob(value, true);
  }

  /** Uploads a local folder with everything in it. */
  static async fromLocal(path: string, options: { readonly hash?: string } = {}): Promise<Dir> {
    return new Dir(await (await store()).putFolder(path), options.hash);
  }

  /** The files in it, at any depth, in order of their URIs. */
  async list(): Promise<File[]> {
    const prefix = this.uri.endsWith("/") ? this.uri : `${this.uri}/`;
    return (await (await store()).list(prefix)).map((uri) => new File(uri));
  }

  /** Downloads everything into a local folder, made if need be. Resolves to the folder. */
  async download(path: string): Promise<string> {
    const prefix = this.uri.endsWith("/") ? this.uri : `${this.uri}/`;
    for (const file of await this.list()) await file.download(join(path, file.uri.slice(prefix.length)));
    return path;
  }

  [BLOB](): BlobReference {
    return { uri: this.uri, multipart: true, format: "", hash: this.hash };
  }
}

function isBlob(value: unknown, multipart: boolean): boolean {
  if (typeof value !== "object" || value === null || !(BLOB in value)) return false;
  return (value as { [BLOB]: () => BlobReference })[BLOB]().multipart === multipart;
}

setBlobFactory((reference) =>
  reference.multipart ? new Dir(reference.uri, reference.hash) : new File(reference.uri, reference.hash),
);
