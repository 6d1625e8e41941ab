/** Performs the effects in the outbox, which changes intended outside of the store; each is retried until it is done. */
import type { ActionRecord } from "../domain/action-record.ts";
import type { TimeMs } from "../domain/action.ts";
import { backoffMs, type Backoff } from "../domain/backoff.ts";
import type { Effect } from "../domain/transition.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { createPasses } from "../lib/passes.ts";
import { within } from "../lib/wait.ts";
import type { EffectLane, EffectRecord, Store, Work } from "../store/store.ts";
import type { Apply } from "./apply.ts";
import type { Attempts } from "./attempts.ts";
import type { Webhooks } from "./webhooks.ts";

export interface EffectsOptions {
  readonly store: Store;
  readonly work: Pick<Work, "hasEffects" | "pendingEffects" | "nextEffect" | "postponeEffect" | "effectDone">;
  readonly apply: Apply;
  readonly attempts: Pick<Attempts, "stop" | "release" | "isLingering">;
  /** Called when what an attempt held was freed: the next attempt of its action may start. */
  readonly onFreed: (queue: string) => void;
  readonly webhooks: Webhooks;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Effects {
  /** Requests a pass over the outbox. Several requests share one. */
  wake(): void;
  /** Waits until nothing in the outbox is due, for `timeoutMs` at most. */
  drain(timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** Lanes of their own, so that receivers that never answer delay other webhooks only. */
const LANES: readonly EffectLane[] = ["own", "webhooks"];
/** Effects of a lane that are in progress at the same time, without those that wait for a lingering process. */
const AT_ONCE: Readonly<Record<EffectLane, number>> = { own: 256, webhooks: 32 };
const CHILDREN_PER_STEP = 200;
const FIRST_PAUSE_MS = 500;
/** Backoff after failures of one effect. */
const RETRY: Backoff = { baseMs: FIRST_PAUSE_MS, factor: 2, capMs: 60_000 };

interface Running {
  readonly lane: EffectLane;
  readonly record: EffectRecord;
  readonly done: Promise<void>;
}

export function createEffects(options: EffectsOptions): Effects {
  const { store, work, clock, log } = options;
  /** In progress, by the ids of the effects. */
  const running = new Map<number, Running>();
  const tries = new Map<number, number>();
  /** Lanes in which more may be due than had a free slot. */
  const full = new Set<EffectLane>();
  const stopping = new AbortController();

  const pass = async () => {
    // One time for both reads: a postponed effect could otherwise become due between them and be missed.
    const now = clock.now();
    for (const lane of LANES) {
      for (const record of await due(lane, now)) {
        running.set(record.id, { lane, record, done: attempt(record) });
      }
    }
    if (tries.size === 0) return;
    const next = await work.nextEffect(now);
    if (next !== undefined) passes.requestIn(next - clock.now());
  };

  /** Due effects, as many as there are free slots. */
  const due = async (lane: EffectLane, now: TimeMs): Promise<readonly EffectRecord[]> => {
    const underWay = [...running.values()].filter((other) => other.lane === lane);
    const free = AT_ONCE[lane] - underWay.filter(holdsSlot).length;
    full.add(lane);
    if (free <= 0) return [];
    // Most changes leave nothing to do outside, and webhooks are rare.
    const ids = underWay.map(({ record }) => record.id);
    const found = (await work.hasEffects(lane)) ? await work.pendingEffects(lane, now, free, ids) : [];
    if (found.length < free) full.delete(lane);
    return found;
  };

  /** Waiting for a lingering process must not keep other attempts from being ended. */
  const holdsSlot = ({ record: { action, effect } }: Running): boolean =>
    effect.type !== "releaseAttempt" ||
    !options.attempts.isLingering({ ...action.key, attempt: effect.attempt });

  const attempt = async (record: EffectRecord): Promise<void> => {
    let leavesWork = true;
    try {
      const following = await perform(record);
      await work.effectDone(record.id, clock.now(), following);
      leavesWork = following.length > 0;
      tries.delete(record.id);
      if (record.effect.type === "stopAttempt" || record.effect.type === "releaseAttempt")
        options.onFreed(record.action.queue);
    } catch (error) {
      await postpone(record, error);
    } finally {
      running.delete(record.id);
      if (leavesWork || full.size > 0) passes.request();
    }
  };

  const postpone = async (record: EffectRecord, error: unknown): Promise<void> => {
    const failures = (tries.get(record.id) ?? 0) + 1;
    const pauseMs = backoffMs(RETRY, failures - 1);
    tries.set(record.id, failures);
    const effect = record.effect.type;
    log.warn("an effect failed and will be tried again", { effect, tries: failures, pauseMs, error });
    try {
      await work.postponeEffect(record.id, clock.now() + pauseMs);
    } catch (unwritten) {
      log.warn("an effect could not be postponed in the store, and waits in memory", {
        effect,
        error: unwritten,
      });
      await clock.sleep(pauseMs, { signal: stopping.signal }).catch(() => {});
    }
  };

  /** Resolves with the effects that follow from it. */
  const perform = async (record: EffectRecord): Promise<readonly Effect[]> => {
    const { action, effect } = record;
    switch (effect.type) {
      case "stopAttempt":
        await options.attempts.stop({ ...action.key, attempt: effect.attempt });
        return [];
      case "releaseAttempt":
        await options.attempts.release({ ...action.key, attempt: effect.attempt });
        return [];
      case "abortChildren":
        await abortChildren(action.key.action, async () => store.liveChildren(action, CHILDREN_PER_STEP));
        return [];
      case "resume":
        await resume(action);
        return [];
      case "ended":
        await unpark(action);
        await resumeParent(action);
        return options.webhooks.atEndOf(action);
      case "sendWebhook":
        await options.webhooks.deliver(effect.request, record);
        return [];
    }
  };

  /** Queues those that waited for this result again: one may have to compute it now. */
  const unpark = async ({ cache }: ActionRecord): Promise<void> => {
    if (cache === undefined) return;
    for (const waiting of await store.parkedFor(cache.key))
      await options.apply(waiting.key, { type: "unparked" });
  };

  const resumeParent = async ({ key, parent }: ActionRecord): Promise<void> => {
    const awaiting = parent === undefined ? undefined : await store.getAction({ ...key, action: parent });
    if (awaiting) await resume(awaiting);
  };

  /** A parked action resumes when all of its children have ended. */
  const resume = async (action: ActionRecord): Promise<void> => {
    if (action.state.suspended !== "parked" || (await store.awaitsChildren(action))) return;
    await options.apply(action.key, { type: "unparked" });
  };

  const abortChildren = async (
    parent: string,
    live: () => ReturnType<Store["liveChildren"]>,
  ): Promise<void> => {
    for (let children = await live(); children.length > 0; children = await live()) {
      const reason = `its parent ${parent} ended`;
      await Promise.all(
        children.map((child) => options.apply(child.key, { type: "abortRequested", reason })),
      );
    }
  };

  const passes = createPasses({
    pass,
    onFailure: (error) => log.error("the outbox could not be read, and will be tried again", { error }),
    retryMs: FIRST_PAUSE_MS,
    clock,
  });

  /** Resolves when nothing is due or in progress. */
  const idle = async (): Promise<void> => {
    for (;;) {
      passes.request();
      await passes.current;
      const [first] = running.values();
      if (first !== undefined) await first.done;
      // One that ended meanwhile has requested another pass.
      else if (!passes.isBusy) return;
    }
  };

  return {
    wake: () => passes.request(),
    drain: (timeoutMs) => within(idle(), timeoutMs, clock),
    stop: async () => {
      stopping.abort();
      await passes.stop();
      await Promise.allSettled([...running.values()].map(({ done }) => done));
    },
  };
}
