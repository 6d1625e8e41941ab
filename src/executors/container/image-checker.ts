/** Checks images with a container engine: what a registry says of them, and what containers of them say. */
import type { CheckOptions, ImageChecker } from "../image-checker.ts";
import { inspectFacts } from "./inspect-facts.ts";
import { probeImage } from "./image-probe.ts";
import { removeOldProbes, runProbe, type ProbeContext } from "./image-probe-container.ts";
import type { ImagePuller } from "./image-puller.ts";
import { resolveImage } from "./resolve-image.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { PodmanRuntimes } from "../../containers/podman-runtimes.ts";
import type { EngineInfo } from "../../containers/types.ts";
import type { ConfinementPolicy } from "./confinement.ts";
import type { ImageFacts } from "../../domain/image-facts.ts";
import type { ResolvedImage } from "../../domain/image.ts";
import { registryFacts } from "../../images/check/config-facts.ts";
import { factsKey, isLasting, type FactsCache } from "../../images/check/facts-cache.ts";
import { subjectOf } from "../../images/check/subject.ts";
import { importCommand, parseImport } from "../../images/check/task-import.ts";
import { parseImageReference } from "../../images/reference.ts";
import type { RegistryClients } from "../../images/registry/registry-clients.ts";
import type { Clock } from "../../lib/clock.ts";
import { orAborted } from "../../lib/wait.ts";

export interface ImageCheckerOptions {
  readonly api: EngineApi;
  readonly podmanRuntimes?: PodmanRuntimes | undefined;
  readonly info: EngineInfo;
  /** What holds the containers of checks in, as those of tasks. */
  readonly policy: ConfinementPolicy;
  /** Whose containers the probes are: those of a server are removed at its next start. */
  readonly instance: string;
  readonly registryFor: RegistryClients;
  readonly puller: ImagePuller;
  /** Undefined: nothing is kept. */
  readonly cache: FactsCache | undefined;
  readonly clock: Clock;
}

/** What another reading may find out is not kept for long, and not found out by each start of many. */
const DOUBTFUL_FOR_MS = 10 * 60_000;

interface Described {
  readonly facts: Omit<ImageFacts, "container">;
  /** Whether it is all that can be known: facts that are kept are. */
  readonly isWhole: boolean;
}

export function createImageChecker(options: ImageCheckerOptions): ImageChecker {
  const { api, podmanRuntimes, info, policy, instance, registryFor, puller, cache, clock } = options;
  const platform = { os: info.os, architecture: info.architecture };
  const running = new Map<string, Promise<ImageFacts>>();
  const doubtful = new Map<string, { readonly facts: ImageFacts; readonly untilMs: number }>();
  const contextOf = (signal: AbortSignal | undefined): ProbeContext => ({
    api,
    podmanRuntimes,
    info,
    policy,
    instance,
    clock,
    ...(signal && { signal }),
  });

  const ensurePresent = async (
    image: ResolvedImage,
    { isTrusted = false, onProgress = () => {} }: CheckOptions,
  ): Promise<void> => {
    if ((await api.inspectImage(image.pinned)) === undefined) await puller.pull(image, isTrusted, onProgress);
  };

  const describe = async (image: ResolvedImage, isTrusted: boolean): Promise<Described> => {
    const own = async () => {
      const known = await api.inspectImage(image.pinned);
      return known && inspectFacts(known);
    };
    if (image.source !== "registry") {
      const facts = await own();
      if (facts !== undefined) return { facts, isWhole: true };
    }
    try {
      const details = await registryFor(isTrusted).describe(parseImageReference(image.pinned));
      return { facts: registryFacts(details), isWhole: true };
    } catch (error) {
      // The registry may be out of reach, and the image here.
      const facts = await own();
      if (facts === undefined) throw error;
      return { facts, isWhole: false };
    }
  };

  const read = async (
    image: ResolvedImage,
    { isTrusted = false, onProgress = () => {}, signal }: CheckOptions,
  ): Promise<ImageFacts> => {
    const { facts: described, isWhole } = await describe(image, isTrusted);
    await ensurePresent(image, { isTrusted, onProgress });
    onProgress(`reading image ${image.reference}`);
    await removeOldProbes({ api, clock });
    const { reference, pinned } = image;
    const container = await probeImage(contextOf(signal), { reference, pinned, config: described.config });
    const facts = { ...described, container };
    if (isWhole && isLasting(facts)) await cache?.recordImageFacts(keyOf(image), facts, clock.now());
    else doubtful.set(image.pinned, { facts, untilMs: clock.now() + DOUBTFUL_FOR_MS });
    return facts;
  };

  const findKnown = async (image: ResolvedImage): Promise<ImageFacts | undefined> => {
    const kept = await cache?.findImageFacts(keyOf(image));
    if (kept !== undefined) return kept;
    const { facts, untilMs = 0 } = doubtful.get(image.pinned) ?? {};
    if (untilMs > clock.now()) return facts;
    doubtful.delete(image.pinned);
    return undefined;
  };

  const keyOf = ({ digest }: ResolvedImage) => factsKey(digest, platform);

  /** Checks of one image at the same time are one. */
  const factsOf = async (image: ResolvedImage, asked: CheckOptions): Promise<ImageFacts> => {
    const known = running.get(image.pinned);
    if (known !== undefined) return known;
    const work = read(image, asked).finally(() => running.delete(image.pinned));
    running.set(image.pinned, work);
    return work;
  };

  return {
    check: async (reference, asked = {}) => {
      const sources = { api, registry: registryFor(asked.isTrusted ?? false), platform };
      const image = await resolveImage(reference, sources);
      const known = await findKnown(image);
      const facts = known ?? (await factsOf(image, asked));
      return { image, facts, isCached: known !== undefined };
    },
    findKnown,
    readPresent: async (image, { isTrusted = false, signal, onProgress } = {}) => {
      const known = await findKnown(image);
      if (known !== undefined) return known;
      if ((await api.inspectImage(image.pinned)) === undefined) return undefined;
      // Others may wait for it, too: it goes on where this caller gives up.
      const work = factsOf(image, { isTrusted, ...(onProgress && { onProgress }) });
      return await (signal === undefined ? work : orAborted(work, signal));
    },
    importTask: async ({ image, facts }, task, asked = {}) => {
      const command = importCommand(subjectOf(image.reference, facts, {}), task);
      if (command === undefined) return { kind: "no_answer" };
      await ensurePresent(image, asked);
      const { entrypoint } = facts.container;
      const { pinned } = image;
      // As tasks are started, where that works.
      const run = await runProbe(
        contextOf(asked.signal),
        entrypoint === "none" || entrypoint === "passes"
          ? { image: pinned, args: command }
          : {
              image: pinned,
              entrypoint: [command("")[0] ?? ""],
              args: (nonce) => command(nonce).slice(1),
            },
      );
      return run.kind === "ran" ? parseImport(run.frames) : { kind: "no_answer" };
    },
    close: () => puller.close(),
  };
}
