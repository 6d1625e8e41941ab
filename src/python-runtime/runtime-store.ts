/**
 * The Python runtimes of this machine: `VARIANT-HASH/` for each variant and lock, and `wheels/` with what was fetched.
 * Several processes may use one directory.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { BoxkiteError } from "../domain/errors.ts";
import type { Clock } from "../lib/clock.ts";
import { createKeyLocks } from "../lib/key-locks.ts";
import { markUsed, removeUnused } from "../lib/unused.ts";
import { explainDirectory } from "./directory-failures.ts";
import type { FetchWheel } from "./fetch-wheel.ts";
import { lockHash, readLock, type Lock } from "./lock.ts";
import { makeRuntime, type FetchOptions } from "./make-runtime.ts";
import { readManifest } from "./manifest.ts";
import { variantName, VARIANTS, type Variant } from "../domain/python-variant.ts";
import { cachedWheels } from "./wheel-cache.ts";

/** Their directory, below the data directory. */
export const RUNTIMES_DIRECTORY = "python-runtimes";

const WHEELS_DIRECTORY = "wheels";
/** Of compiled modules, one directory for each image. */
export const COMPILED_DIRECTORY = "compiled";

/** A runtime that is complete. */
export interface PythonRuntime {
  readonly variant: Variant;
  /** `VARIANT-HASH`. */
  readonly name: string;
  readonly directory: string;
  /** The version. */
  readonly flyte: string;
  /** The names of all. */
  readonly packages: readonly string[];
  /** Without the wheels. */
  readonly bytes: number;
}

export interface RuntimeStoreOptions {
  readonly directory: string;
  readonly fetchWheel: FetchWheel;
  readonly clock: Clock;
  /** @default the lock of this version of Boxkite */
  readonly readLock?: ((variant: Variant) => Promise<Lock>) | undefined;
}

export class RuntimeStore {
  readonly #options: RuntimeStoreOptions;
  readonly #fetchWheel: FetchWheel;
  readonly #locks = createKeyLocks();
  /** By name. Their files are counted once for each process. */
  readonly #complete = new Map<string, PythonRuntime>();

  constructor(options: RuntimeStoreOptions) {
    this.#options = options;
    this.#fetchWheel = cachedWheels(join(options.directory, WHEELS_DIRECTORY), options.fetchWheel);
  }

  /** Undefined where it is not there, or not complete. */
  async find(variant: Variant): Promise<PythonRuntime | undefined> {
    return this.#find(variant, await this.#readLock(variant));
  }

  /** What is there, else fetched. Throws RUNTIME_FETCH_FAILED, DISK_FULL or DATA_DIRECTORY_UNUSABLE. */
  async fetch(variant: Variant, options: FetchOptions = {}): Promise<PythonRuntime> {
    const lock = await this.#readLock(variant);
    const findOrMake = async () => {
      try {
        const found = await this.#find(variant, lock);
        if (found !== undefined) {
          await markUsed(found.directory, this.#options.clock);
          return found;
        }
        await makeRuntime(lock, this.#directoryOf(lock), this.#fetchWheel, this.#options.clock, options);
        await this.#removeOutdated();
      } catch (error) {
        throw explainDirectory(error, this.#options.directory);
      }
      const made = await this.#find(variant, lock);
      if (made !== undefined) return made;
      throw new BoxkiteError("RUNTIME_FETCH_FAILED", "the Python runtime was removed while it was made", {
        hint: "boxkite runtime fetch makes it again",
      });
    };
    return this.#locks(variantName(variant), findOrMake, options.signal);
  }

  async #find(variant: Variant, lock: Lock): Promise<PythonRuntime | undefined> {
    const directory = this.#directoryOf(lock);
    const known = this.#complete.get(directory);
    if (known !== undefined && existsSync(directory)) return known;
    const manifest = await readManifest(directory);
    if (manifest === undefined) return undefined;
    const { bytes, packages } = manifest;
    const runtime: PythonRuntime = {
      variant,
      name: nameOf(lock),
      directory,
      flyte: lock.flyte,
      packages: Object.keys(packages),
      bytes,
    };
    this.#complete.set(directory, runtime);
    return runtime;
  }

  /** After the first fetch of a new version. */
  async #removeOutdated(): Promise<void> {
    const { directory, clock } = this.#options;
    const locks = await Promise.all(VARIANTS.map((each) => this.#readLock(each)));
    const kept = new Set([...locks.map(nameOf), WHEELS_DIRECTORY, COMPILED_DIRECTORY]);
    await removeUnused(directory, clock, { isKept: (name) => kept.has(name) });
    const wheels = new Set(locks.flatMap((lock) => lock.wheels.map(({ sha256 }) => `${sha256}.whl`)));
    await removeUnused(join(directory, WHEELS_DIRECTORY), clock, { isKept: (name) => wheels.has(name) });
  }

  #readLock(variant: Variant): Promise<Lock> {
    return (this.#options.readLock ?? readLock)(variant);
  }

  #directoryOf(lock: Lock): string {
    return join(this.#options.directory, nameOf(lock));
  }
}

function nameOf(lock: Lock): string {
  return `${variantName(lock)}-${lockHash(lock)}`;
}
