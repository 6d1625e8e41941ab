/** Performs the outbox: what a change intended outside of the store. Each effect until it is done. */
import type { ActionRecord } from "../domain/action-record.ts";
import { setTimeout as sleep } from "node:timers/promises";
import type { TimeMs } from "../domain/action.ts";
import { textOf } from "../domain/errors.ts";
import { ROOT_ACTION } from "../domain/ids.ts";
import { fillRequest, type HttpRequest } from "../domain/notification.ts";
import type { Phase } from "../domain/phase.ts";
import type { Effect } from "../domain/transition.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { EffectRecord, Store } from "../store/store.ts";
import type { Apply } from "./apply.ts";
import type { Attempts } from "./attempts.ts";

export interface EffectsOptions {
  readonly store: Store;
  readonly apply: Apply;
  readonly attempts: Attempts;
  /** Called when what an attempt held was freed: the next one of its action may start. */
  readonly onFreed: () => void;
  /** Throws unless it was taken. */
  readonly send: (request: HttpRequest) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Effects {
  /** Looks at the outbox soon; several calls are one look. */
  wake(): void;
  /** Waits until nothing in the outbox can be done now, for a while at most. */
  drain(timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** Effects of these types that are under way at the same time. */
interface Lane {
  readonly types: readonly Effect["type"][];
  readonly atOnce: number;
}

/** Receivers that take everything and answer nothing hold one another up, and no attempt. */
const LANES: readonly Lane[] = [
  { types: ["stopAttempt", "releaseAttempt", "abortChildren", "resume", "ended"], atOnce: 256 },
  { types: ["sendWebhook"], atOnce: 32 },
];
const CHILDREN_PER_STEP = 200;
/** Pause after an effect that failed; doubled each time. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;
/** A receiver that took nothing for so long is gone. */
const WEBHOOK_LIFETIME_MS = 24 * 60 * 60_000;

export function createEffects(options: EffectsOptions): Effects {
  const { store, clock, log } = options;
  const running = new Map<number, { readonly lane: Lane; readonly done: Promise<void> }>();
  const failures = new Map<number, { tries: number; notBefore: number }>();
  let retryTimer: NodeJS.Timeout | undefined;
  let wanted = false;
  let busy = false;
  let stopped = false;

  const wake = () => {
    wanted = true;
    if (busy || stopped) return;
    busy = true;
    void (async () => {
      while (wanted && !stopped) {
        wanted = false;
        await look().catch((error: unknown) => log.error("the outbox could not be looked at", { error }));
      }
      busy = false;
    })();
  };

  const look = async () => {
    for (const lane of LANES) {
      const room = lane.atOnce - [...running.values()].filter((other) => other.lane === lane).length;
      if (room === 0) continue;
      for (const record of await due(room, lane.types))
        running.set(record.id, { lane, done: attempt(record) });
    }
    lookAgainFor(postponed());
  };

  const postponed = (): { id: number; notBefore: number }[] =>
    [...failures]
      .map(([id, { notBefore }]) => ({ id, notBefore }))
      .filter(({ id, notBefore }) => notBefore > clock.now() && !running.has(id));

  const lookAgainFor = (waiting: readonly { notBefore: number }[]) => {
    clearTimeout(retryTimer);
    if (waiting.length === 0 || stopped) return;
    const first = Math.min(...waiting.map(({ notBefore }) => notBefore));
    // A timer may strike a little before its time.
    retryTimer = setTimeout(wake, Math.max(0, first - clock.now()) + 1);
  };

  /** Neither under way nor put off: so those that fail for long do not stand before the others. */
  const due = (limit: number, types?: Lane["types"]): ReturnType<Store["pendingEffects"]> =>
    store.pendingEffects(limit, [...running.keys(), ...postponed().map(({ id }) => id)], types);

  const attempt = async (record: EffectRecord): Promise<void> => {
    try {
      const following = await perform(record);
      await store.effectDone(record.id, clock.now(), following);
      failures.delete(record.id);
      wanted = true;
      if (record.effect.type === "stopAttempt" || record.effect.type === "releaseAttempt") options.onFreed();
    } catch (error) {
      postpone(record, error);
    } finally {
      running.delete(record.id);
      wake();
    }
  };

  const postpone = (record: EffectRecord, error: unknown) => {
    const tries = (failures.get(record.id)?.tries ?? 0) + 1;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS);
    failures.set(record.id, { tries, notBefore: clock.now() + pauseMs });
    log.warn("an effect failed and will be tried again", {
      effect: record.effect.type,
      tries,
      pauseMs,
      error,
    });
  };

  /** Resolves with what has to be done next because of it. */
  const perform = async ({ action, effect, createdAt }: EffectRecord): Promise<readonly Effect[]> => {
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
        return notifications(action);
      case "sendWebhook":
        await sendWhileItMatters(effect.request, createdAt);
        return [];
    }
  };

  /** Each receiver has an effect of its own: one that is not there takes nothing from the others. */
  const notifications = async ({ key, state }: ActionRecord): Promise<Effect[]> => {
    if (key.action !== ROOT_ACTION) return [];
    const rules = (await store.getRun(key))?.settings.notifications ?? [];
    const error = state.error === undefined ? (state.abortReason ?? "") : textOf(state.error);
    return rules
      .filter(({ phases }) => (phases as readonly Phase[]).includes(state.phase))
      .map(({ request }) => ({
        type: "sendWebhook",
        request: fillRequest(request, { run: key, phase: state.phase, error }),
      }));
  };

  const sendWhileItMatters = async (request: HttpRequest, since: TimeMs): Promise<void> => {
    try {
      await options.send(request);
    } catch (error) {
      if (clock.now() - since < WEBHOOK_LIFETIME_MS) throw error;
      log.error("a webhook was not taken for a day and is given up", { error });
    }
  };

  /** Those that waited for this result look again: one may have to compute it now. */
  const unpark = async ({ cache }: ActionRecord): Promise<void> => {
    if (cache === undefined) return;
    for (const waiting of await store.parkedFor(cache.key))
      await options.apply(waiting.key, { type: "unparked" });
  };

  const resumeParent = async ({ key, parent }: ActionRecord): Promise<void> => {
    const awaiting = parent === undefined ? undefined : await store.getAction({ ...key, action: parent });
    if (awaiting) await resume(awaiting);
  };

  /** A parked action goes on when nothing that it started is unfinished. */
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

  return {
    wake,
    drain: async (timeoutMs) => {
      const end = clock.now() + timeoutMs;
      while (clock.now() < end && (running.size > 0 || (await due(1)).length > 0)) {
        wake();
        await sleep(20);
      }
    },
    stop: async () => {
      stopped = true;
      clearTimeout(retryTimer);
      await Promise.allSettled([...running.values()].map(({ done }) => done));
    },
  };
}
