/** Images as they are run: pinned to bytes that no push can change. What pins them is a digest or an image id. */

/** An image pinned to bytes that no push can change. */
export interface ResolvedImage {
  /** As the user wrote it. */
  readonly reference: string;
  /** What the executor starts: `repository@sha256:…`, or an engine's image id `sha256:…`. */
  readonly pinned: string;
  /** `sha256:…` of the manifest; the engine's id of the image where only the engine has it: see `pinOf`. */
  readonly digest: string;
  /** Who resolved it. `host` = no image at all (the process executor). */
  readonly source: "registry" | "engine" | "host";
  /** Why the registry was not the source, for the reader of the run. */
  readonly note?: string;
}

/** What the newest run of a project and domain used for a reference. */
export interface NewestPin {
  /** Its name. */
  readonly run: string;
  readonly image: ResolvedImage;
  /** Whether somebody has said since that later runs do not use it: `boxkite images unpin`. */
  readonly isUnpinned: boolean;
}

/** What pins an image: the digest of its manifest, or an id that only this machine's engine knows. */
export interface ImagePin {
  readonly kind: "digest" | "image ID";
  readonly value: string;
}

/** Undefined for what runs in no image. */
export function pinOf({ pinned, digest, source }: ResolvedImage): ImagePin | undefined {
  return source === "host" ? undefined : { kind: pinKind(pinned), value: digest };
}

/** Only `repository@sha256:…` has a digest; an id or a name with a tag is the engine's. */
export function pinKind(pinned: string): ImagePin["kind"] {
  return pinned.includes("@") ? "digest" : "image ID";
}
