/** Accepts runs and actions: what is accepted is on disk, and is driven to its end by whoever has the lease. */
import type { ActionRecord, NewAction } from "../domain/action-record.ts";
import { BoxkiteError } from "../domain/errors.ts";
import type { RunKey } from "../domain/ids.ts";
import type { Principal } from "../domain/principal.ts";
import { requireQueue, type Queues } from "../domain/queue.ts";
import { capped, cpuCapOf, requireFits } from "../domain/resources.ts";
import type { ResolvedImage } from "../domain/image.ts";
import type { NewRun, RunRecord } from "../domain/run.ts";
import { isSleepTask } from "../domain/sleep.ts";
import { imagesOf, type TaskDefinition } from "../domain/task.ts";
import { isTrustedRun } from "../domain/trust.ts";
import type { Executor } from "../executors/executor.ts";
import type { EgressRule } from "../lib/egress.ts";
import type { Store } from "../store/store.ts";
import { optionsOf } from "./attempt-spec.ts";
import { hasCachedResult } from "./cached-result.ts";
import type { Expectations } from "./expectations.ts";
import {
  imageOfRun,
  imagesIn,
  resolveAll,
  type ImagePolicy,
  type Resolution,
  type UnpinnedRun,
} from "./images.ts";
import type { ReuseNotes } from "./reuse-note.ts";
import { requireNotifications, requireWebhooks } from "./webhook-egress.ts";

export interface AcceptanceOptions {
  readonly store: Store;
  readonly executor: Executor;
  /** @default "always" */
  readonly imagePolicy?: ImagePolicy;
  readonly queues: Queues;
  /** Hosts that the server contacts for callers that are not trusted. */
  readonly egress: EgressRule;
  /** Lets a task that asks for more processors than there are run with those. @default it is refused */
  readonly capCpu?: boolean;
  /** Writes an action of a run that is there. */
  readonly accept: Store["createAction"];
  /** Limit for one run, its root included. */
  readonly maxActionsPerRun?: number;
  readonly expectations: Pick<Expectations, "accepted">;
  readonly reuseNotes: Pick<ReuseNotes, "accepted">;
}

export interface Acceptance {
  /** Throws INVALID_ARGUMENT for a task whose attempts this server could never start. */
  requireRunnable(definition: TaskDefinition): void;
  /**
   * Throws RUN_EXISTS. Asked before anything else can refuse the run: a client that sends it again after a lost answer must not
   * take it for refused.
   */
  requireNewRun(key: RunKey): Promise<void>;
  /** What these references name for a run that is not accepted yet. */
  resolveImages(run: UnpinnedRun, references: readonly string[]): Promise<readonly Resolution[]>;
  /** The image that the run uses for this reference; resolved and pinned on its first use. Throws as `Executor.resolveImage`. */
  imageOf(run: RunRecord, reference: string): Promise<ResolvedImage>;
  /**
   * Accepts the run. `images`: those of its task and of the other environments of its program, as they were resolved;
   * without them they are resolved here. Throws RUN_EXISTS, or EGRESS_DENIED for a webhook to a denied address.
   */
  createRun(
    run: NewRun,
    root: NewAction,
    seeds?: readonly NewAction[],
    images?: readonly Resolution[],
  ): Promise<{ readonly run: RunRecord; readonly root: ActionRecord }>;
  /** Accepts an action; "exists" when the run has one of that name already. Throws EGRESS_DENIED as above. */
  enqueue(run: RunRecord, action: NewAction, by: Principal): Promise<ActionRecord | "exists">;
}

/** Far above what people start on purpose: endless recursion must not fill the disk. */
const MAX_ACTIONS_PER_RUN = 100_000;

export function createAcceptance(options: AcceptanceOptions): Acceptance {
  const { store, executor, queues, reuseNotes, maxActionsPerRun = MAX_ACTIONS_PER_RUN } = options;

  const requireRunnable = (definition: TaskDefinition): void => {
    if (isSleepTask(definition)) return;
    const { name, image, requests, limits } = definition;
    const refused = executor.refusal(image, { ...optionsOf(definition), requests, limits });
    if (refused === undefined) return;
    throw new BoxkiteError("INVALID_ARGUMENT", `task ${name} cannot run here: ${refused.message}`, {
      hint: refused.hint,
    });
  };

  /** Recorded with the action, since another machine may drive it later. Throws INVALID_ARGUMENT. */
  const fitting = (action: NewAction): NewAction => {
    const definition = action.spec?.definition;
    if (definition === undefined || isSleepTask(definition)) return action;
    const cpuCap = options.capCpu === true ? cpuCapOf(definition, executor.capacity) : undefined;
    requireFits(definition, executor.capacity, cpuCap);
    requireRunnable(definition);
    return cpuCap === undefined ? action : { ...action, cpuCap };
  };

  const resolveImages: Acceptance["resolveImages"] = (run, references) =>
    resolveAll(options, references, run);

  return {
    requireRunnable,
    requireNewRun: async (key) => {
      if ((await store.getRun(key)) !== undefined) throw runExists(key);
    },
    resolveImages,
    imageOf: (run, reference) => imageOfRun(options, run, reference),
    createRun: async (run, root, seeds = [], resolved) => {
      requireNotifications(run, options.egress);
      const definition = root.spec?.definition;
      const fitted = fitting(root);
      requireQueue(queues, root.queue ?? "");
      const references = definition ? imagesOf(definition) : [];
      const images = imagesIn(resolved ?? (await resolveImages(run, references)));
      const starts = references.length > 0 && !(await hasCachedResult(store, run.key, root));
      const created = await store.createRun(run, fitted, images, seeds);
      if (created === "exists") throw runExists(run.key);
      if (definition) await reuseNotes.accepted(created.run, definition);
      if (starts && definition !== undefined) {
        const requests = capped(definition.requests, fitted.cpuCap);
        const limits = capped(definition.limits, fitted.cpuCap);
        executor.expect?.({ images, isTrusted: isTrustedRun(run), requests, limits });
        options.expectations.accepted(created.run, definition);
      }
      return created;
    },
    enqueue: async (run, action, by) => {
      let fitted: NewAction;
      try {
        fitted = fitting(action);
        requireWebhooks(action, options.egress);
        requireQueue(queues, action.queue ?? "");
      } catch (error) {
        // A retried parent finds its child even where the settings have changed since.
        if (await store.getAction({ ...run.key, action: action.name })) return "exists";
        throw error;
      }
      const created = await options.accept(run, fitted, by, maxActionsPerRun);
      if (created === "run_full") {
        throw new BoxkiteError(
          "LIMIT_EXCEEDED",
          `run ${run.key.run} has ${maxActionsPerRun} actions, which is the limit of a run`,
          { hint: "start further runs, or let each action do more" },
        );
      }
      if (created === "parent_missing") {
        throw new BoxkiteError(
          "ACTION_NOT_FOUND",
          `parent action ${action.parent} is not in run ${run.key.run}`,
        );
      }
      if (created === "parent_ended") {
        throw new BoxkiteError(
          "INVALID_ARGUMENT",
          `parent action ${action.parent} of ${action.name} has ended`,
        );
      }
      if (created === "parent_sleeps") {
        throw new BoxkiteError(
          "INVALID_ARGUMENT",
          `parent action ${action.parent} of ${action.name} is a sleep (flyte.extras.Sleep), which calls nothing`,
          { hint: "name the action that calls it as its parent" },
        );
      }
      if (action.spec) await reuseNotes.accepted(run, action.spec.definition);
      return created;
    },
  };
}

function runExists({ project, domain, run }: RunKey): BoxkiteError {
  return new BoxkiteError("RUN_EXISTS", `run ${run} exists already in ${project}/${domain}`, {
    hint: "choose another name, or none to have one made",
  });
}
