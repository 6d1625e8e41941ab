/** Images as they are run: pinned to bytes that no push can change. */

/** An image pinned to bytes that no push can change. */
export interface ResolvedImage {
  /** As the user wrote it. */
  readonly reference: string;
  /** What the executor starts: `repository@sha256:…`, or an engine's image id `sha256:…`. */
  readonly pinned: string;
  /** `sha256:…` of the manifest, or of the image's configuration when only the engine knows it. */
  readonly digest: string;
  /** Who resolved it. `host` = no image at all (the process executor). */
  readonly source: "registry" | "engine" | "host";
  /** Why the registry was not the source, for the reader of the run. */
  readonly note?: string;
}
