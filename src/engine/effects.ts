/** Performs the outbox: what a change intended outside of the store. Each effect until it is done. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { ActionRecord, EffectRecord, Store } from "../store/store.ts";
import type { Apply } from "./apply.ts";
import type { Attempts } from "./attempts.ts";

export interface EffectsOptions {
  readonly store: Store;
  readonly apply: Apply;
  readonly attempts: Attempts;
  /** Sends a JSON text to a URL; throws unless it was taken. */
  readonly post: (url: string, body: string) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Effects {
  /** Looks at the outbox soon; several calls are one look. */
  wake(): void;
  /** Waits until the outbox is empty, for a while at most. */
  drain(timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
}

const EFFECTS_PER_LOOK = 256;
const CHILDREN_PER_STEP = 200;
/** Pause after an effect that failed; doubled each time. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;

export function createEffects(options: EffectsOptions): Effects {
  const { store, clock, log } = options;
  const running = new Map<number, Promise<void>>();
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
    for (const record of await store.pendingEffects(EFFECTS_PER_LOOK)) {
      if (running.has(record.id) || (failures.get(record.id)?.notBefore ?? 0) > clock.now()) continue;
      running.set(record.id, attempt(record));
    }
  };

  const attempt = async (record: EffectRecord): Promise<void> => {
    try {
      await perform(record);
      await store.effectDone(record.id);
      failures.delete(record.id);
      wanted = true;
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
    clearTimeout(retryTimer);
    retryTimer = setTimeout(wake, pauseMs);
  };

  const perform = async ({ action, effect }: EffectRecord): Promise<void> => {
    switch (effect.type) {
      case "stopAttempt":
        await options.attempts.stop({ ...action.key, attempt: effect.attempt });
        return;
      case "releaseAttempt":
        await options.attempts.release({ ...action.key, attempt: effect.attempt });
        return;
      case "abortChildren":
        await abortChildren(action.key.action, async () => store.liveChildren(action, CHILDREN_PER_STEP));
        return;
      case "ended":
        await unpark(action);
        return;
      case "sendWebhook":
        await options.post(effect.url, effect.body);
        return;
    }
  };

  /** Those that waited for this result look again: one may have to compute it now. */
  const unpark = async ({ cache }: ActionRecord): Promise<void> => {
    if (cache === undefined) return;
    for (const waiting of await store.parkedFor(cache.key))
      await options.apply(waiting.key, { type: "unparked" });
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
      while (clock.now() < end && (await store.pendingEffects(1)).length > 0) {
        wake();
        await sleep(20);
      }
    },
    stop: async () => {
      stopped = true;
      clearTimeout(retryTimer);
      await Promise.allSettled(running.values());
    },
  };
}
