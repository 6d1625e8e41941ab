/**
 * What is known of an image: from its manifest and configuration, and from a container of it. It never changes for a
 * digest, so it is kept. Texts come from the image and are only bounded, not trusted: printable, and at most 1 KiB each.
 */

export interface ImageFactsKey {
  /** `sha256:…`, of the manifest; of the image where only an engine has it. */
  readonly digest: string;
  /** The platform that was read, such as `linux/amd64`. */
  readonly platform: string;
  /** Of the program that reads images: images/check/facts-cache.ts. */
  readonly version: number;
}

export interface ImageFacts {
  /** The platform that was read, such as `linux/amd64`. */
  readonly platform: string;
  /** All that the reference offers, without attestations. */
  readonly platforms: readonly string[];
  /** Bytes: those to download where a registry has the image; unpacked where only the engine has it. */
  readonly sizeBytes: number;
  readonly layers: readonly LayerFacts[];
  readonly config: ImageConfigFacts;
  /** Of its base image, where the builder noted it. */
  readonly base?: { readonly name: string; readonly digest: string };
  readonly container: ContainerFacts;
}

export interface LayerFacts {
  /** As a registry stores it; of the unpacked layer where only the engine has the image. */
  readonly digest: string;
  /** As a registry stores it; 0 where only the engine has it. */
  readonly sizeBytes: number;
  readonly compression: "none" | "gzip" | "zstd" | "unknown";
}

/** Of an image's configuration; empty where it says nothing. */
export interface ImageConfigFacts {
  readonly user: string;
  readonly workdir: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** Of facts that are kept only what decides how tasks run: other variables may be secret. */
  readonly env: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  readonly stopSignal: string;
  readonly healthcheck: boolean;
}

export interface ContainerFacts {
  /** Undefined where a container ran. */
  readonly startFailure?: StartFailureFacts;
  /** Whether it has /bin/sh. Without it only some paths are searched. */
  readonly shell: boolean;
  /** Whether all was read within the time limit. */
  readonly complete: boolean;
  /** Whether the ENTRYPOINT passes its arguments on; `none`: there is no ENTRYPOINT. */
  readonly entrypoint: "none" | "passes" | "swallows" | "unknown";
  /** What the ENTRYPOINT wrote where it does not pass its arguments on: its last line. */
  readonly entrypointOutput?: string;
  /** Who runs in it, undefined where nothing could tell. */
  readonly user?: { readonly uid: number; readonly gid: number; readonly name?: string };
  readonly home?: Folder;
  readonly workdir?: Folder;
  /** As its processes see it. */
  readonly path: string;
  /** Of the variables that decide which modules are found, those that are set. */
  readonly env: Readonly<Record<string, string>>;
  /** By name, the first on PATH: `a0`, `tar`, … */
  readonly programs: Readonly<Record<string, string>>;
  readonly pythons: readonly PythonFacts[];
  readonly node?: NodeFacts;
  /** The interpreter that the first lines of `a0` name. */
  readonly a0Interpreter?: string;
  /** Why that interpreter cannot import what `a0` imports; undefined where it can. */
  readonly a0Error?: string;
  readonly caBundle?: string;
  readonly libc?: "glibc" | "musl";
  /** `debian 12`, from /etc/os-release. */
  readonly os?: string;
  /** The CUDA toolkits in it, and what `CUDA_VERSION` says. */
  readonly cuda: readonly string[];
}

export interface StartFailureFacts {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export interface Folder {
  readonly path: string;
  readonly writable: boolean;
}

export interface PythonFacts {
  /** By which it was started. */
  readonly path: string;
  /** `3.11.7`; undefined where it does not run. */
  readonly version?: string;
  /** `cpython`, `pypy`, `cpython-free-threaded` (without the global interpreter lock). */
  readonly build?: string;
  /** `glibc 2.36`, `musl`. */
  readonly libc?: string;
  readonly architecture?: string;
  /** Of an environment: what it was made from. */
  readonly basePrefix?: string;
  readonly prefix?: string;
  /** Whether `a0` is beside it. */
  readonly hasA0: boolean;
  /** By normalized name: those that it would import. */
  readonly packages: Readonly<Record<string, string>>;
}

export interface NodeFacts {
  readonly path: string;
  /** `24.1.0` */
  readonly version?: string;
  /** Of the package boxkite that `a0-ts` belongs to. */
  readonly boxkite?: string;
  /** Which protocol of workers that package knows: domain/worker-protocol.ts. Undefined: it has no `a0-ts --worker`. */
  readonly workers?: number;
}
