/**
 * Checks the images of tasks before they are accepted, so that a run that cannot succeed is refused before its first container.
 * It waits for what can be found out at once, and pulls nothing: what is not known by then shows when the task is started.
 */
import type { NewAction } from "../../domain/action-record.ts";
import type { ImageFacts } from "../../domain/image-facts.ts";
import type { NewestPin, ResolvedImage } from "../../domain/image.ts";
import type { RunKey } from "../../domain/ids.ts";
import type { RunNote } from "../../domain/run-note.ts";
import type { RunRecord } from "../../domain/run.ts";
import { isStrictImage } from "../../domain/strict-image.ts";
import { isSleepTask } from "../../domain/sleep.ts";
import { imagesOf, type TaskDefinition } from "../../domain/task.ts";
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
import { hasCachedResult } from "../../orchestrator/cached-result.ts";
import { imagesIn, type Resolution, type UnpinnedRun } from "../../orchestrator/images.ts";
import type { Orchestrator } from "../../orchestrator/orchestrator.ts";
import type { StoreReader } from "../../store/reader.ts";
import { judgeError, judgeFacts, NOTHING_FOUND, withoutRefusal, type Judgement } from "./judge.ts";
import { NOTHING_LATER, recordLate, type CheckedImages, type LateNotes } from "./late-notes.ts";
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

export interface CheckedRun extends CheckedImages {
  readonly images: readonly Resolution[];
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
  ofChild(run: RunRecord, action: NewAction): Promise<CheckedImages>;
}

interface Use extends ImageUse {
  readonly isTrusted: boolean;
}

interface ChildCheck {
  readonly work: Promise<Judgement>;
  /** Undefined where nothing was known after `WAIT_MS`. */
  readonly judgement: Promise<Judgement | undefined>;
}

const NO_NOTES: CheckedImages = { notes: [], whenRead: NOTHING_LATER };

/** For all images of a call together. */
const WAIT_MS = 5_000;
/** Containers of images, of all calls at the same time: more would only make each slower. */
const MAX_READS = 4;
/** Images of children whose check is remembered. */
const MAX_REMEMBERED = 2_000;

export function createImageCheck(options: ImageCheckOptions): ImageCheck {
  const { orchestrator, store, checker, resolveAnew, isStrict = false, driver, clock, log } = options;
  /** By run, image and what is to be started in it. */
  const checkedChildren = new Map<string, ChildCheck>();

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

  const known: KnownFacts = async (image) => await checker?.findKnown(image);

  /** `before`: what the newest run before this one used for the reference. */
  const movedNotes = async (image: ResolvedImage, before: NewestPin | undefined): Promise<RunNote[]> => {
    const note = await movedTag(image, before, known);
    return note === undefined ? [] : [note];
  };

  /** Of a run that uses what the one before it used: whether the reference names other content now. */
  const heldNotes =
    (run: UnpinnedRun, image: ResolvedImage, resolve: Executor["resolveImage"]) =>
    async (): Promise<RunNote[]> => {
      const note = heldTag(image, await resolve(image.reference, isTrustedRun(run)));
      return note === undefined ? [] : [note];
    };

  const ofRun = async (run: UnpinnedRun, root: NewAction): Promise<CheckedRun> => {
    const definition = root.spec?.definition;
    if (definition === undefined) return { images: [], notes: [], whenRead: NOTHING_LATER };
    const images = await orchestrator.resolveImages(run, imagesOf(definition));
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
    if (refused?.judgement?.refusal !== undefined && !(await needsNoImage(run.key, root)))
      throw refused.judgement.refusal;
    const notes: RunNote[] = [];
    const late: LateNotes[] = [];
    // After the checks, which may have read what is compared.
    for (const image of imagesIn(images)) {
      const before = await store.newestPin(run.key, image.reference);
      notes.push(...(await movedNotes(image, before)));
      // Only a registry can tell, and the run does not wait for it.
      if (resolveAnew !== undefined && before?.image.digest === image.digest)
        late.push({ image: image.reference, find: heldNotes(run, image, resolveAnew) });
    }
    for (const { reference, work, judgement } of judged)
      if (judgement !== undefined) notes.push(...withoutRefusal(judgement, reference));
      else late.push({ image: reference, find: async () => withoutRefusal(await work, reference) });
    return { images, notes, whenRead: recordLate(late, log) };
  };

  /** A run or an action that is sent again was accepted before; one that has its result computes nothing. */
  const needsNoImage = async (run: RunKey, action: NewAction): Promise<boolean> =>
    (await store.getAction({ ...run, action: action.name })) !== undefined ||
    (await hasCachedResult(store, run, action));

  const judgeChild = async (run: RunRecord, definition: TaskDefinition): Promise<Judgement> => {
    const reference = definition.image;
    let image: ResolvedImage;
    try {
      image = await orchestrator.imageOf(run, reference);
    } catch (error) {
      return judgeError(reference, error);
    }
    const judgement = await judge({ reference, image }, useOf(definition, run));
    const moved = await movedNotes(image, await store.newestPin(run.key, reference, run.id));
    return { ...judgement, notes: [...moved, ...judgement.notes] };
  };

  /** Remembers the check under `name`, except one that refuses or fails: the image may be pushed, or the store readable, later. */
  const checkChild = (name: string, run: RunRecord, definition: TaskDefinition): ChildCheck => {
    const work = judgeChild(run, definition);
    const check = { work, judgement: within(work, WAIT_MS, clock) };
    const forget = () => checkedChildren.delete(name);
    work.then(({ refusal }) => refusal !== undefined && forget(), forget);
    return remember(checkedChildren, name, check);
  };

  return {
    ofRun,
    ofTask: async (run, definition) => {
      if (checker === undefined || isSleepTask(definition)) return;
      const work = orchestrator
        .resolveImages(run, [definition.image])
        .then(async ([resolution]) => resolution && judge(resolution, useOf(definition, run)));
      const judgement = await within(work, WAIT_MS, clock);
      if (judgement?.refusal !== undefined) throw judgement.refusal;
    },
    ofChild: async (run, action) => {
      const definition = action.spec?.definition;
      if (checker === undefined || definition === undefined || isSleepTask(definition)) return NO_NOTES;
      const { program, changesSearch: changes, available } = useOf(definition, run);
      const name = [run.id, program, changes, available.size, definition.image].join(" ");
      const known = checkedChildren.get(name);
      const { work, judgement } = known ?? checkChild(name, run, definition);
      const found = await judgement;
      if (found?.refusal !== undefined && !(await needsNoImage(run.key, action))) throw found.refusal;
      // The first child of an image notes what is found.
      if (known !== undefined || found?.refusal !== undefined) return NO_NOTES;
      if (found !== undefined) return { notes: found.notes, whenRead: NOTHING_LATER };
      const { image } = definition;
      const find = async () => withoutRefusal(await work, image);
      return { notes: [], whenRead: recordLate([{ image, find }], log) };
    },
  };
}

/** Forgets the oldest where there are many. */
function remember<T>(known: Map<string, T>, name: string, value: T): T {
  known.set(name, value);
  if (known.size > MAX_REMEMBERED) known.delete([...known.keys()][0] ?? name);
  return value;
}
