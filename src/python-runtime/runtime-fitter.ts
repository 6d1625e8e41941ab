/** How containers of an image are started with a Python runtime: found out once for an image, then remembered. */
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createKeyLocks } from "../lib/key-locks.ts";
import { runtimeStartOf, modeOf, type RuntimeStart } from "./runtime-start.ts";
import { addBytecode, compiledRuntime } from "./bytecode.ts";
import { explainDirectory } from "./directory-failures.ts";
import { findFit, type FoundFit } from "./find-fit.ts";
import { placePrograms } from "./programs.ts";
import type { RunInImage } from "./run-in-image.ts";
import type { PythonRuntime, RuntimeStore } from "./runtime-store.ts";
import { variantOf, variantText, type Interpreter } from "../domain/python-variant.ts";
import type { RuntimeFit } from "../domain/runtime-fit.ts";

/** An image with an interpreter that was found in it. */
export interface ImageToFit {
  /** By which it is pinned: of its manifest, or the engine's ID of an image that only the engine has. */
  readonly digest: string;
  readonly interpreter: Interpreter;
  readonly run: RunInImage;
}

export interface FitOptions {
  readonly signal?: AbortSignal | undefined;
  /** What takes time, for whoever waits. */
  readonly onProgress?: (message: string) => void;
}

export interface FittedRuntime {
  readonly fit: RuntimeFit;
  /** Undefined where none is needed, or none helps. */
  readonly start: RuntimeStart | undefined;
  /** The name of the runtime, to be recorded. */
  readonly runtime: string;
  /** The version in it. */
  readonly flyte: string;
}

/** Keeps fits that work longer than this process lives; the store is one. The key names the image by its digest, the interpreter and the runtime. */
export interface FitRecords {
  findRuntimeFit(key: string): Promise<RuntimeFit | undefined>;
  recordRuntimeFit(key: string, fit: RuntimeFit, atMs: number): Promise<void>;
}

export interface RuntimeFitterOptions {
  readonly store: RuntimeStore;
  /** The directory of the store. */
  readonly directory: string;
  readonly records: FitRecords;
  readonly clock: Clock;
  readonly log: Logger;
}

export class RuntimeFitter {
  readonly #options: RuntimeFitterOptions;
  readonly #locks = createKeyLocks();
  /** By this process, which does not try again where modules cannot be kept. */
  readonly #proved = new Set<string>();
  /** Not recorded: the next process tries again, whatever the cause was. */
  readonly #refused = new Map<string, RuntimeFit>();

  constructor(options: RuntimeFitterOptions) {
    this.#options = options;
  }

  /**
   * Fetches the runtime if need be. Undefined where there is none for the interpreter. Throws what fetching throws, and
   * what the engine throws.
   */
  async fit(
    { digest, interpreter, run }: ImageToFit,
    { signal, onProgress = () => {} }: FitOptions = {},
  ): Promise<FittedRuntime | undefined> {
    const { store, directory, clock } = this.#options;
    const variant = variantOf(interpreter);
    if (variant === undefined) return undefined;
    if ((await store.find(variant)) === undefined)
      onProgress(`fetching flyte for ${variantText(variant)}: once for this machine`);
    const runtime = await store.fetch(variant, { signal });
    const programs = await placePrograms(directory, clock).catch((error: unknown) => {
      throw explainDirectory(error, directory);
    });
    const key = [digest, interpreter.path, runtime.name].join(" ");
    // Many actions of one image may start at once.
    const find = async () => {
      const known = this.#refused.get(key) ?? (await this.#options.records.findRuntimeFit(key));
      const isCompiled = (await compiledRuntime(runtime, digest, clock)) !== runtime.directory;
      if (known !== undefined && (isCompiled || modeOf(known) === undefined || this.#proved.has(key)))
        return known;
      this.#proved.add(key);
      onProgress("trying flyte beside the packages of the image: once for this image");
      const directories = { runtime: runtime.directory, programs };
      const found = await findFit({ run, directories, packages: runtime.packages, signal });
      // What was proved once is tried again for its compiled modules only.
      if (known !== undefined && found.fit.kind === "refuse") return known;
      await this.#keep(key, digest, runtime, found);
      return found.fit;
    };
    const fit = await this.#locks(key, find, signal);
    const directories = { runtime: await compiledRuntime(runtime, digest, clock), programs };
    return {
      fit,
      start: runtimeStartOf(interpreter.path, directories, fit),
      runtime: runtime.name,
      flyte: runtime.flyte,
    };
  }

  async #keep(
    key: string,
    digest: string,
    runtime: PythonRuntime,
    { fit, bytecode }: FoundFit,
  ): Promise<void> {
    const { records, clock, log } = this.#options;
    try {
      if (bytecode !== undefined) await addBytecode(runtime, digest, bytecode, clock);
    } catch (error) {
      log.warn("compiled modules could not be kept: actions of this image start slower", {
        image: digest,
        error,
      });
    }
    if (fit.kind !== "refuse") await records.recordRuntimeFit(key, fit, clock.now());
    else if (fit.isCertain) this.#refused.set(key, fit);
  }
}

/** For as long as the process lives. */
export function fitsInMemory(): FitRecords {
  const fits = new Map<string, RuntimeFit>();
  return {
    findRuntimeFit: async (key) => fits.get(key),
    recordRuntimeFit: async (key, fit) => void fits.set(key, fit),
  };
}
