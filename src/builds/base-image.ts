/** The base image of a build: resolves its name, and reads what a build needs to know of it. */
import type { BaseRecord } from "../domain/build-record.ts";
import { BoxkiteError } from "../domain/errors.ts";
import { formatImageReference, parseImageReference, pinnedReference } from "../images/reference.ts";
import type { Logger } from "../lib/log.ts";
import { orAborted } from "../lib/wait.ts";
import type { BaseImageFacts } from "./base-facts.ts";
import type { BuildPlan } from "./build.ts";
import type { ImageBuilder, PullOptions } from "./builder.ts";
import type { EngineImage } from "../containers/types.ts";
import { notesOnPlatforms, requirePlatform } from "./build-platform.ts";
import { readBaseFacts } from "./read-base-facts.ts";

export interface RegistryResolver {
  /**
   * The digest of a reference; undefined if the registry does not have it; rejects if the registry is unreachable.
   * `isTrusted`: whether any host may be asked (lib/egress.ts); throws EGRESS_DENIED for a host that may not.
   */
  resolve(reference: string, isTrusted: boolean): Promise<string | undefined>;
}

export interface BaseImagesOptions {
  readonly builder: ImageBuilder;
  readonly registry: RegistryResolver;
  readonly log: Logger;
}

type WriteLine = (line: string) => void;

/** The number of images whose facts are cached; they never change. */
const KEPT_FACTS = 200;

export class BaseImages {
  readonly #options: BaseImagesOptions;
  readonly #facts = new Map<string, BaseImageFacts>();

  constructor(options: BaseImagesOptions) {
    this.#options = options;
  }

  /** Asks the registry first; uses the engine's own image if the registry does not have it or is unreachable. */
  async resolve(
    text: string,
    isTrusted: boolean,
    onLog: WriteLine,
    signal?: AbortSignal,
  ): Promise<BaseRecord> {
    const reference = formatImageReference(parseImageReference(text));
    let refusal: unknown;
    try {
      const asked = this.#options.registry.resolve(reference, isTrusted);
      const digest = await (signal === undefined ? asked : orAborted(asked, signal));
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

  /** Pulls the base into the engine if needed. Throws IMAGE_WRONG_PLATFORM, and what the pull throws. */
  async prepare(
    { spec, isTrusted }: Pick<BuildPlan, "spec" | "isTrusted">,
    base: BaseRecord,
    onLog: WriteLine,
    signal: AbortSignal,
  ): Promise<BaseImageFacts> {
    const { builder } = this.#options;
    const pinned =
      base.source === "engine"
        ? base.digest
        : pinnedReference(parseImageReference(base.reference), base.digest);
    const image = await this.#inEngine(base, pinned, { isTrusted, onLog, signal });
    requirePlatform(builder.architecture, spec, base.reference, image.architecture);
    for (const note of notesOnPlatforms(builder.architecture, spec)) onLog(note);
    const from = base.source === "engine" ? this.#ownName(base, image) : pinned;
    return await this.#factsOf(base.reference, from, image);
  }

  /** Whether the name still refers to the same image. */
  async isUnchanged(base: BaseRecord, isTrusted: boolean): Promise<boolean> {
    try {
      const now = await this.resolve(base.reference, isTrusted, () => {});
      if (now.source === base.source) return now.digest === base.digest;
      // The registry was reachable then and is not now, or the reverse: the engine knows the image by both names.
      const [registry, engine] = now.source === "registry" ? [now, base] : [base, now];
      const image = await this.#options.builder.inspect(engine.digest);
      return image?.digests.some((name) => name.endsWith(`@${registry.digest}`)) ?? false;
    } catch (error) {
      // Without registry and engine there is neither anything to compare with nor anything to build from.
      this.#options.log.warn("base image cannot be resolved; taking the recorded build", {
        base: base.reference,
        error,
      });
      return true;
    }
  }

  /**
   * A builder that does not support ids names its base by a tag of the engine. Throws IMAGE_BUILD_FAILED if the tag
   * no longer refers to the recorded image.
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
    options: PullOptions & { readonly onLog: WriteLine },
  ): Promise<EngineImage> {
    const { builder } = this.#options;
    const there = await builder.inspect(pinned);
    if (there !== undefined) return there;
    options.onLog(`Pulling ${base.reference} (${base.digest})`);
    await builder.pull(pinned, options);
    const pulled = await builder.inspect(pinned);
    if (pulled !== undefined) return pulled;
    throw new BoxkiteError("ENGINE_FAILED", `${builder.description} pulled ${pinned}, but does not have it`);
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
