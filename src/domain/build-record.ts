/** The record of a build, as plain data that any store can keep. */
import type { TimeMs } from "./action.ts";
import type { ProjectKey, RunKey, TaskKey } from "./ids.ts";

export interface BuildRecord {
  /** "registry/team/train:hash", or "localhost/…" for an image that stays in the engine. */
  readonly target: string;
  /** "train:hash", what GetImage asks for. */
  readonly name: string;
  /** Whose run asked for it first; undefined for one that the operator built, and in records of older versions. */
  readonly owner?: ProjectKey;
  /** The others that asked for the same content. */
  readonly users?: readonly ProjectKey[];
  /** Of what was built from: base, layers and files, without what depends on the client's machine. */
  readonly recipeDigest?: string;
  readonly specDigest: string;
  readonly contextDigest: string;
  readonly containerfile: string;
  readonly base: BaseRecord;
  readonly reference: string;
  readonly pushed: boolean;
  /** The manifest's digest where `reference` ends in it; else the id of the image in the engine. */
  readonly digest: string;
  readonly imageId: string;
  readonly sizeBytes: number;
  /** The history of the image, including the layers of its base, newest first. */
  readonly layers: readonly ImageLayer[];
  readonly createdAt: number;
  readonly durationMs: number;
}

export interface BaseRecord {
  readonly reference: string;
  /** Who said so: the registry, or the engine where no registry has the image. */
  readonly source: "registry" | "engine";
  /** Of the manifest; the engine's id where the engine is the source. */
  readonly digest: string;
}

export interface ImageLayer {
  readonly createdBy: string;
  readonly sizeBytes: number;
}

export interface ImageUses {
  readonly deployments: readonly TaskKey[];
  readonly runs: readonly { readonly key: RunKey; readonly createdAt: TimeMs; readonly live: boolean }[];
}
