/**
 * Checks the images of tasks before they are accepted, so that a run that cannot succeed is refused before its first container.
 * It waits for what can be found out at once, and pulls nothing: what is not known by then shows when the task is started.
 */
import type { CacheUse } from "../../domain/action.ts";
import type { NewAction } from "../../domain/action-record.ts";
import type { ImageFacts } from "../../domain/image-facts.ts";
import type { ResolvedImage } from "../../domain/image.ts";
import type { ProjectKey } from "../../domain/ids.ts";
import type { RunNote } from "../../domain/run-note.ts";
import type { RunRecord } from "../../domain/run.ts";
import { isStrictImage } from "../../domain/strict-image.ts";
import type { TaskDefinition } from "../../domain/task.ts";
import { isTrustedRun } from "../../domain/trust.ts";
import type { Executor } from "../../executors/executor.ts";
import type { ImageChecker } from "../../executors/image-checker.ts";
import { ALL_ADAPTATIONS, NO_ADAPTATIONS } from "../../images/check/adaptations.ts";
import type { ImageUse } from "../../images/check/certain-refusal.ts";
import type { CheckContext } from "../../images/check/subject.ts";
import { changesSearch, programOf } from "../../images/check/task-program.ts";
import type { Clock } from "../../lib/clock.ts";
import { Limiter } from "../../lib/limiter.ts";
import type { Logger } from "../../lib/log.ts";
import { within } from "../../lib/wait.ts";
import { imagesIn, type Resolution, type UnpinnedRun } from "../../orchestrator/images.ts";
import type { Orchestrator } from "../../orchestrator/orchestrator.ts";
import type { StoreReader } from "../../store/reader.ts";
import { judgeError, judgeFacts, NOTHING_FOUND, withoutRefusal, type Judgement } from "./judge.ts";
import { heldTag, movedTag, type KnownFacts } from "./moved-tag.ts";

export interface ImageCheckOptions {
  readonly orchestrator: Pick<Orchestrator, "resolveImages" | "imageOf">;
  readonly store: Pick<StoreReader, "getAction" | "findCached" | "newestPin">;
  /** Undefined where tasks run in no images, or where nothing is to be checked. */
  readonly checker: Pick<ImageChecker, "readPresent" | "findKnown"> | undefined;
  /** Says what references name now, where runs use what earlier ones used. */
  readonly resolveAnew?: Executor["resolveImage"] | undefined;
  /** Whether every image is started as a black box. */
  readonly isStrict?: boolean;
  /** NVIDIA's, of the machine that runs the tasks. */
  readonly driver?: CheckContext["driver"];
  readonly clock: Clock;
  readonly log: Logger;
}

export interface CheckedRun {
  readonly images: readonly Resolution[];
  readonly notes: readonly RunNote[];
  /** Calls back with the notes on images that were not read in time. */
  whenRead(record: (notes: readonly RunNote[]) => Promise<void>): void;
}

export interface ImageCheck {
  /**
   * Resolves the images of a run, and checks them. Throws IMAGE_* where the task, or one of another environment of its program,
   * certainly cannot run.
   */
  ofRun(run: UnpinnedRun, root: NewAction): Promise<CheckedRun>;
  /** Throws IMAGE_* where the task certainly cannot run. */
  ofTask(run: UnpinnedRun, definition: TaskDefinition): Promise<void>;
  /** Throws IMAGE_* where the action certainly cannot run. */
  ofChild(run: RunRecord, action: NewAction): Promise<readonly RunNote[]>;
}

interface Use extends ImageUse {
  readonly isTrusted: boolean;
}

/** For all images of a call together. */
const WAIT_MS = 5_000;
/** Containers of images, of all calls at the same time: more would only make each slower. */
const MAX_READS = 4;
/** Images of children whose check is remembered. */
const MAX_REMEMBERED = 2_000;

export function createImageCheck(options: ImageCheckOptions): ImageCheck {
  const { orchestrator, store, checker, resolveAnew, isStrict = false, driver, clock, log } = options;
  /** By run, image and what is to be started in it. */
  const checkedChildren = new Map<string, Promise<Judgement>>();

  const reads = new Limiter(MAX_READS);
  const readInTime = async (
    { readPresent }: Pick<ImageChecker, "readPresent">,
    image: ResolvedImage,
    isTrusted: boolean,
  ): Promise<ImageFacts | undefined> => {
    const until = clock.now() + WAIT_MS;
    // Nobody waits any more for one whose turn comes later.
    return await reads.run(async () => (clock.now() < until ? readPresent(image, { isTrusted }) : undefined));
  };

  const judge = async (
    { reference, ...resolved }: Resolution,
    { isTrusted, ...use }: Use,
  ): Promise<Judgement> => {
    if ("error" in resolved) return judgeError(reference, resolved.error);
    const { image } = resolved;
    if (checker === undefined || image.source === "host" || use.program === "other") return NOTHING_FOUND;
    try {
      const facts = (await checker.findKnown(image)) ?? (await readInTime(checker, image, isTrusted));
      if (facts === undefined) return NOTHING_FOUND;
      return judgeFacts(reference, facts, use);
    } catch (error) {
      // It says nothing of the image: the task is started as without a check.
      log.debug("an image could not be read before a run", { image: reference, error });
      return NOTHING_FOUND;
    }
  };

  const inTime = async (work: Promise<Judgement>): Promise<Judgement> =>
    (await within(work, WAIT_MS, clock)) ?? NOTHING_FOUND;

  const useOf = (definition: TaskDefinition, run: Pick<UnpinnedRun, "settings" | "authority">): Use => {
    const env = { ...run.settings.env, ...definition.env };
    return {
      driver,
      program: programOf(definition),
      changesSearch: changesSearch(env),
      available: isStrict || isStrictImage(env) ? NO_ADAPTATIONS : ALL_ADAPTATIONS,
      isTrusted: isTrustedRun(run),
    };
  };

  /** One that has its result already needs no image. */
  const hasResult = async (scope: ProjectKey, cache: CacheUse | undefined): Promise<boolean> => {
    if (cache === undefined || cache.overwrite) return false;
    return (await store.findCached(cache.key, cache.sameProject ? scope : undefined)) !== undefined;
  };

  const known: KnownFacts = async (image) => await checker?.findKnown(image);

  /** What the reference of an image names now, where a run uses what the one before it used. */
  const namedNow = async (run: UnpinnedRun, image: ResolvedImage): Promise<ResolvedImage | undefined> => {
    if (resolveAnew === undefined) return undefined;
    const before = await store.newestPin(run.key, image.reference);
    if (before?.image.digest !== image.digest) return undefined;
    const named = resolveAnew(image.reference, isTrustedRun(run)).catch(() => undefined);
    return await within(named, WAIT_MS, clock);
  };

  /** `runId`: of the run, where it exists already. */
  const tagNote = async (
    run: UnpinnedRun,
    image: ResolvedImage,
    named?: ResolvedImage,
    runId?: number,
  ): Promise<RunNote[]> => {
    const note =
      named === undefined
        ? await movedTag(image, await store.newestPin(run.key, image.reference, runId), known)
        : heldTag(image, named);
    return note === undefined ? [] : [note];
  };

  const ofRun = async (run: UnpinnedRun, root: NewAction): Promise<CheckedRun> => {
    const definition = root.spec?.definition;
    if (definition === undefined) return { images: [], notes: [], whenRead: () => {} };
    const images = await orchestrator.resolveImages(run, [definition.image, ...definition.relatedImages]);
    const named = imagesIn(images).map((image) => ({ image, now: namedNow(run, image) }));
    const use = useOf(definition, run);
    const judged = await Promise.all(
      (checker === undefined ? [] : images).map(async (resolution) => {
        const { reference } = resolution;
        const isOwn = reference === definition.image;
        const work = judge(resolution, isOwn ? use : { ...use, program: "unknown" });
        return { reference, isOwn, work, judgement: await within(work, WAIT_MS, clock) };
      }),
    );
    const refused = judged.find(
      // What is recovered is not computed again, so a child's image may not be needed.
      ({ isOwn, judgement }) => judgement?.refusal !== undefined && (isOwn || !run.settings.recover),
    );
    if (refused?.judgement?.refusal !== undefined && !(await hasResult(run.key, root.cache)))
      throw refused.judgement.refusal;
    // After the checks, which may have read what is compared.
    const moved = await Promise.all(named.map(async ({ image, now }) => tagNote(run, image, await now)));
    return {
      images,
      notes: [
        ...moved.flat(),
        ...judged.flatMap(({ reference, judgement }) => judgement && withoutRefusal(judgement, reference)),
      ].filter((note) => note !== undefined),
      whenRead: (record) => {
        for (const { reference, work, judgement } of judged)
          if (judgement === undefined)
            work
              .then((late) => record(withoutRefusal(late, reference)))
              .catch((error: unknown) =>
                log.debug("notes on an image could not be kept", { image: reference, error }),
              );
      },
    };
  };

  const childOf = async (run: RunRecord, definition: TaskDefinition): Promise<Judgement> => {
    const reference = definition.image;
    const work = orchestrator.imageOf(run, reference).then(
      async (image) => {
        const judgement = await judge({ reference, image }, useOf(definition, run));
        const moved = await tagNote(run, image, undefined, run.id);
        return { ...judgement, notes: [...moved, ...judgement.notes] };
      },
      (error: unknown) => judgeError(reference, error),
    );
    return await inTime(work);
  };

  return {
    ofRun,
    ofTask: async (run, definition) => {
      if (checker === undefined) return;
      const [resolution] = await orchestrator.resolveImages(run, [definition.image]);
      if (resolution === undefined) return;
      const work = judge(resolution, useOf(definition, run));
      const { refusal } = await inTime(work);
      if (refusal !== undefined) throw refusal;
    },
    ofChild: async (run, action) => {
      const definition = action.spec?.definition;
      if (checker === undefined || definition === undefined) return [];
      const { program, changesSearch: changes, available } = useOf(definition, run);
      const name = [run.id, program, changes, available.size, definition.image].join(" ");
      const known = checkedChildren.get(name);
      const { refusal, notes } = await (known ?? remember(checkedChildren, name, childOf(run, definition)));
      if (refusal === undefined) return known === undefined ? notes : [];
      // A retried parent finds the child that it has created before.
      if ((await store.getAction({ ...run.key, action: action.name })) !== undefined) return [];
      if (await hasResult(run.key, action.cache)) return [];
      throw refusal;
    },
  };
}

/** Forgets the oldest where there are many. */
function remember<T>(known: Map<string, T>, name: string, value: T): T {
  known.set(name, value);
  if (known.size > MAX_REMEMBERED) known.delete([...known.keys()][0] ?? name);
  return value;
}
