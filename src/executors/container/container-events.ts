/**
 * One connection to the engine's events for all attempts. An event is only a hint to look: after a break
 * of the connection, and from time to time in any case, everyone is woken.
 */
import type { Logger } from "../../lib/log.ts";
import { createBackoff } from "../../lib/backoff.ts";
import { systemClock } from "../../lib/clock.ts";
import type { EngineApi } from "../../containers/api.ts";
import type { HintKind } from "../hint.ts";

export interface ContainerEvents {
  /** Calls `wake` when this container ended or may have. Returns the way to stop that. */
  subscribe(containerId: string, wake: (kind: HintKind) => void): () => void;
  close(): Promise<void>;
}

/** For events that an engine forgot to send. */
const SWEEP_MS = 30_000;
const ENDINGS = new Set(["die", "died", "destroy", "remove"]);

export function createContainerEvents(api: EngineApi, label: string, log: Logger): ContainerEvents {
  const wakers = new Map<string, Set<(kind: HintKind) => void>>();
  const closing = new AbortController();
  let listening: Promise<void> | undefined;

  const wakeAll = () => {
    for (const set of wakers.values()) for (const wake of set) wake("look");
  };
  const sweep = setInterval(wakeAll, SWEEP_MS);
  sweep.unref();

  const listen = async () => {
    const backoff = createBackoff({ baseMs: 100, factor: 2, capMs: 5_000 }, systemClock);
    while (!closing.signal.aborted) {
      try {
        const events = await api.events([label], closing.signal);
        wakeAll();
        backoff.reset();
        for await (const { action, containerId } of events) {
          if (!ENDINGS.has(action)) continue;
          for (const wake of wakers.get(containerId) ?? []) wake("ended");
        }
      } catch (error) {
        if (closing.signal.aborted) return;
        log.debug("engine events broke off", { error });
      }
      wakeAll();
      await backoff.wait(closing.signal).catch(() => {});
    }
  };

  return {
    subscribe: (containerId, wake) => {
      listening ??= listen();
      const set = wakers.get(containerId) ?? new Set();
      wakers.set(containerId, set.add(wake));
      return () => {
        set.delete(wake);
        if (set.size === 0) wakers.delete(containerId);
      };
    },
    close: async () => {
      clearInterval(sweep);
      closing.abort();
      await listening;
    },
  };
}
