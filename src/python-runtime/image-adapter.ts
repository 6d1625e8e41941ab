/** How containers of an image are started with a Python runtime: found out once for an image, then remembered. */
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createKeyLocks } from "../lib/key-locks.ts";
import { adaptationOf, modeOf, type Adaptation } from "./adaptation.ts";
import { addBytecode, compiledRuntime } from "./bytecode.ts";
import { explainDirectory } from "./directory-failures.ts";
import { findVerdict, type FoundVerdict } from "./find-verdict.ts";
import { placePrograms } from "./programs.ts";
import type { RunInImage } from "./run-in-image.ts";
import type { PythonRuntime, RuntimeStore } from "./runtime-store.ts";
import { variantOf, type Interpreter } from "./variant.ts";
import type { Verdict } from "./verdict.ts";

/** An image with an interpreter that was found in it. */
export interface AdaptableImage {
  /** The digest of its configuration: what it is, whatever it is called. */
  readonly id: string;
  readonly interpreter: Interpreter;
  readonly run: RunInImage;
}

export interface AdaptedImage {
  readonly verdict: Verdict;
  /** Undefined where none is needed, or none helps. */
  readonly adaptation: Adaptation | undefined;
  /** The name of the runtime, to be recorded. */
  readonly runtime: string;
}

/** Keeps verdicts longer than this process lives. The key names the image, the interpreter and the runtime. */
export interface VerdictRecords {
  find(key: string): Promise<Verdict | undefined>;
  keep(key: string, verdict: Verdict): Promise<void>;
}

export interface ImageAdapterOptions {
  readonly store: RuntimeStore;
  /** The directory of the store. */
  readonly directory: string;
  readonly records: VerdictRecords;
  readonly clock: Clock;
  readonly log: Logger;
}

export class ImageAdapter {
  readonly #options: ImageAdapterOptions;
  readonly #locks = createKeyLocks();
  /** By this process, which does not try again where modules cannot be kept. */
  readonly #proved = new Set<string>();

  constructor(options: ImageAdapterOptions) {
    this.#options = options;
  }

  /**
   * Fetches the runtime if need be. Undefined where there is none for the interpreter. Throws what fetching throws, and
   * what the engine throws.
   */
  async adapt(
    { id, interpreter, run }: AdaptableImage,
    signal?: AbortSignal,
  ): Promise<AdaptedImage | undefined> {
    const { store, directory, clock } = this.#options;
    const variant = variantOf(interpreter);
    if (variant === undefined) return undefined;
    const runtime = await store.fetch(variant, { signal });
    const programs = await placePrograms(directory, clock).catch((error: unknown) => {
      throw explainDirectory(error, directory);
    });
    const key = [id, interpreter.path, runtime.name].join(" ");
    // Many actions of one image may start at once.
    const verdict = await this.#locks(key, async () => {
      const known = await this.#options.records.find(key);
      const isCompiled = (await compiledRuntime(runtime, id, clock)) !== runtime.directory;
      if (known !== undefined && (isCompiled || modeOf(known) === undefined || this.#proved.has(key)))
        return known;
      this.#proved.add(key);
      const directories = { runtime: runtime.directory, programs };
      const found = await findVerdict({ run, directories, packages: runtime.packages, signal });
      await this.#keep(key, id, runtime, found);
      return found.verdict;
    });
    const directories = { runtime: await compiledRuntime(runtime, id, clock), programs };
    return {
      verdict,
      adaptation: adaptationOf(interpreter.path, directories, verdict),
      runtime: runtime.name,
    };
  }

  async #keep(
    key: string,
    id: string,
    runtime: PythonRuntime,
    { verdict, bytecode }: FoundVerdict,
  ): Promise<void> {
    const { records, clock, log } = this.#options;
    try {
      if (bytecode !== undefined) await addBytecode(runtime, id, bytecode, clock);
    } catch (error) {
      log.warn("compiled modules could not be kept: actions of this image start slower", {
        image: id,
        error,
      });
    }
    if (verdict.kind !== "refuse" || verdict.isCertain) await records.keep(key, verdict);
  }
}

/** For as long as the process lives. */
export function verdictsInMemory(): VerdictRecords {
  const verdicts = new Map<string, Verdict>();
  return {
    find: async (key) => verdicts.get(key),
    keep: async (key, verdict) => void verdicts.set(key, verdict),
  };
}
