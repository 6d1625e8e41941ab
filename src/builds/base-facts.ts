/**
 * What a build needs to know of its base image, read from its configuration and from a container of it
 * (read-base-facts.ts). The renderer takes it as an argument, so that it is a pure function.
 */
export interface BaseImageFacts {
  /** The requested name. */
  readonly reference: string;
  /** The argument of FROM: the reference by digest, or, if no registry has it, the engine's own image by id or name. */
  readonly from: string;
  readonly architecture: string;
  /** USER as the image declares it; "" is root. */
  readonly user: string;
  /** USER in numbers, resolved against the image's own /etc/passwd and /etc/group. */
  readonly owner: NumericOwner;
  readonly workdir: string;
  readonly env: Readonly<Record<string, string>>;
  /** The `python` that is first on the image's PATH; "unknown" where nothing could be run in it. */
  readonly python: PythonFacts | "none" | "unknown";
  /** Whether the image has apt-get; undefined where nothing could be run in it. */
  readonly apt: boolean | undefined;
}

export interface NumericOwner {
  readonly uid: number;
  readonly gid: number;
}

export interface PythonFacts {
  readonly path: string;
  /** "3.11.7" */
  readonly version: string;
}

export function isRoot(owner: NumericOwner): boolean {
  return owner.uid === 0;
}
