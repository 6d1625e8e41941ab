/** The image that a build stands on: which one a name means, and what is known of it. */
import type { BaseRecord } from "../domain/build-record.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { ImageSpec } from "../images/image-spec.ts";
import { formatImageReference, parseImageReference, pinnedReference } from "../images/reference.ts";
import type { Logger } from "../lib/log.ts";
import type { BaseImageFacts } from "./base-facts.ts";
import type { ImageBuilder } from "./builder.ts";
import type { EngineImage } from "../containers/types.ts";
import { notesOnPlatforms, requirePlatform } from "./build-platform.ts";
import { readBaseFacts } from "./read-base-facts.ts";

export interface RegistryResolver {
  /** The digest of a reference; undefined where the registry has none; rejects where it cannot be asked. */
  resolve(reference: string, signal?: AbortSignal): Promise<string | undefined>;
}

export interface BaseImagesOptions {
  readonly builder: ImageBuilder;
  readonly registry: RegistryResolver;
  readonly log: Logger;
}

type WriteLine = (line: string) => void;

/** What is known of a base is kept for so many images; they never change. */
const KEPT_FACTS = 200;

export class BaseImages {
  readonly #options: BaseImagesOptions;
  readonly #facts = new Map<string, BaseImageFacts>();

  constructor(options: BaseImagesOptions) {
    this.#options = options;
  }

  /** The registry first; the engine's own image where no registry has it, or none can be asked. */
  async resolve(text: string, onLog: WriteLine, signal?: AbortSignal): Promise<BaseRecord> {
    const reference = formatImageReference(parseImageReference(text));
    let refusal: unknown;
    try {
      const digest = await this.#options.registry.resolve(reference, signal);
      if (digest !== undefined) return { reference, source: "registry", digest };
    } catch (error) {
      signal?.throwIfAborted();
      refusal = error;
    }
    const image = await this.#options.builder.inspect(reference);
    if (image !== undefined) {
      onLog(`Base ${reference}: no registry answers for it; taking the engine's own image ${image.id}`);
      return { reference, source: "engine", digest: image.id };
    }
    if (refusal !== undefined) throw refusal;
    throw new BoxkiteError(
      "IMAGE_NOT_FOUND",
      `base image ${reference} is neither in its registry nor in the engine`,
      {
        hint: "Check the name in flyte.Image.from_base(...), and push the base if it has never been pushed.",
      },
    );
  }

  /** Has the base in the engine afterwards. Throws IMAGE_WRONG_PLATFORM, and what the pull throws. */
  async prepare(
    spec: ImageSpec,
    base: BaseRecord,
    onLog: WriteLine,
    signal: AbortSignal,
  ): Promise<BaseImageFacts> {
    const { builder } = this.#options;
    const pinned =
      base.source === "engine"
        ? base.digest
        : pinnedReference(parseImageReference(base.reference), base.digest);
    const image = await this.#inEngine(base, pinned, onLog, signal);
    requirePlatform(builder.architecture, spec, base.reference, image.architecture);
    for (const note of notesOnPlatforms(builder.architecture, spec)) onLog(note);
    const from = base.source === "engine" ? this.#ownName(base, image) : pinned;
    return await this.#factsOf(base.reference, from, image);
  }

  /** Whether this name still leads to the same image. */
  async isUnchanged(base: BaseRecord): Promise<boolean> {
    try {
      const now = await this.resolve(base.reference, () => {});
      if (now.source === base.source) return now.digest === base.digest;
      // The registry could be asked then and cannot now, or the other way round: the engine knows both names.
      const [registry, engine] = now.source === "registry" ? [now, base] : [base, now];
      const image = await this.#options.builder.inspect(engine.digest);
      return image?.digests.some((name) => name.endsWith(`@${registry.digest}`)) ?? false;
    } catch (error) {
      // Without registry and engine there is nothing to compare with, and nothing to build from either.
      this.#options.log.warn("base image cannot be resolved; taking the recorded build", {
        base: base.reference,
        error,
      });
      return true;
    }
  }

  /**
   * A builder that cannot take an id names its base by a tag of the engine: was it the recorded image all the time?
   * Throws IMAGE_BUILD_FAILED where it was not.
   */
  async requireUnmoved(base: BaseRecord): Promise<void> {
    const { builder } = this.#options;
    if (base.source !== "engine" || builder.fromId) return;
    if ((await builder.inspect(base.reference))?.id === base.digest) return;
    throw new BoxkiteError(
      "IMAGE_BUILD_FAILED",
      `base image ${base.reference} was replaced in the engine while an image was built on it`,
      { hint: "Run again: the new base is used then." },
    );
  }

  async #inEngine(
    base: BaseRecord,
    pinned: string,
    onLog: WriteLine,
    signal: AbortSignal,
  ): Promise<EngineImage> {
    const { builder } = this.#options;
    const there = await builder.inspect(pinned);
    if (there !== undefined) return there;
    onLog(`Pulling ${base.reference} (${base.digest})`);
    await builder.pull(pinned, { onLog, signal });
    const pulled = await builder.inspect(pinned);
    if (pulled !== undefined) return pulled;
    throw new BoxkiteError(
      "ENGINE_FAILED",
      `${builder.description} has pulled ${pinned} and does not know it`,
    );
  }

  #ownName(base: BaseRecord, image: EngineImage): string {
    return this.#options.builder.fromId ? image.id.replace("sha256:", "") : base.reference;
  }

  async #factsOf(reference: string, from: string, image: EngineImage): Promise<BaseImageFacts> {
    const key = `${from} ${image.id}`;
    const known = this.#facts.get(key);
    if (known !== undefined) return { ...known, reference };
    const facts = await readBaseFacts(this.#options.builder, reference, from, image);
    if (this.#facts.size > KEPT_FACTS) this.#facts.clear();
    this.#facts.set(key, facts);
    return facts;
  }
}
